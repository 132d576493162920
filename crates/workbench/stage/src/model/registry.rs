//! The registries of a model's parts: enums told apart by `kind`, with one line for each part.

/// Makes such an enum: serialisation and schema by `kind`, the part behind each variant, and (with `fitting families`) the kinds
/// that fit a family of architectures.
macro_rules! registry {
    (
        $(#[$about:meta])*
        $name:ident: $part:ident {
            $($(#[$doc:meta])* $variant:ident($parameters:ty) = $kind:literal,)+
        }
        $(fitting $families:ident)?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(tag = "kind")]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $kind)] $variant($parameters),)+
        }

        impl $name {
            /// The part behind the variant.
            pub fn part(&self) -> &dyn $part {
                match self {
                    $(Self::$variant(part) => part,)+
                }
            }

            /// Its kind.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)+
                }
            }
        }

        $crate::model::registry::registry!(@fitting $($families)? $name: $part { $($parameters = $kind,)+ });
    };
    (@fitting families $name:ident: $part:ident { $($parameters:ty = $kind:literal,)+ }) => {
        impl $name {
            /// Kinds that fit a family of architectures, for help texts.
            pub fn fitting(family: Family) -> Vec<&'static str> {
                let mut kinds = Vec::new();
                $(if $part::families(&<$parameters>::default()).contains(&family) {
                    kinds.push($kind);
                })+
                kinds
            }
        }
    };
    (@fitting $name:ident: $part:ident { $($parameters:ty = $kind:literal,)+ }) => {};
}

pub(crate) use registry;
