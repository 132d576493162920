"""The layer 5 cell of Hay et al. 2011 (parameters of biophys5b) in NEURON, alone or with 1,278 synapses.

What the bench `surrogate` (`teacher`) and `cable` (`hay`) run here, for a ratio within one run:

    python hay_neuron.py MORPHOLOGY.asc [--ms 300] [--reps 3] [--without-synapses]

Needs NEURON (`pip install neuron`) and a C++ compiler. Kinetics are those of `crates/sim/dendrite/src/mechanism/hay`, written without
tables; synapses move by factors that are computed once, which is the faster way for NEURON. Input is Poisson at the mean of the bench's
protocol.
"""
import argparse
import glob
import math
import os
import random
import subprocess
import sys
import tempfile
import time

QT = 2.952882641412121

# name: (ion, current's factor, states, rates)
CHANNELS = {
    "CaHVA": ("ca", "m*m*h", "m h", """
        a = 0.055*lin(-27-v, 3.8)  b = 0.94*exp((-75-v)/17)
        minf = a/(a+b)  mtau = 1/(a+b)
        a = 0.000457*exp((-13-v)/50)  b = 0.0065/(exp((-v-15)/28)+1)
        hinf = a/(a+b)  htau = 1/(a+b)"""),
    "CaLVA": ("ca", "m*m*h", "m h", """
        w = v+10
        minf = 1/(1+exp(-(w+30)/6))  mtau = (5+20/(1+exp((w+25)/5)))/QT
        hinf = 1/(1+exp((w+80)/6.4))  htau = (20+50/(1+exp((w+40)/7)))/QT"""),
    "Ih": (None, "m", "m", """
        a = 0.00643*lin(v+154.9, 11.9)  b = 0.193*exp(v/33.1)
        minf = a/(a+b)  mtau = 1/(a+b)"""),
    "Im": ("k", "m", "m", """
        a = 0.0033*exp(0.1*(v+35))  b = 0.0033*exp(-0.1*(v+35))
        minf = a/(a+b)  mtau = 1/(a+b)/QT"""),
    "KPst": ("k", "m*m*h", "m h", """
        w = v+10
        minf = 1/(1+exp(-(w+1)/12))
        if (w < -50) { mtau = (1.25+175.03*exp(0.026*w))/QT } else { mtau = (1.25+13*exp(-0.026*w))/QT }
        hinf = 1/(1+exp((w+54)/11))  htau = (360+(1010+24*(w+55))*exp(-((w+75)/48)^2))/QT"""),
    "KTst": ("k", "m*m*m*m*h", "m h", """
        w = v+10
        minf = 1/(1+exp(-w/19))  mtau = (0.34+0.92*exp(-((w+71)/59)^2))/QT
        hinf = 1/(1+exp((w+66)/10))  htau = (8+49*exp(-((w+73)/23)^2))/QT"""),
    "NaTa": ("na", "m*m*m*h", "m h", """
        a = 0.182*lin(-(v+38), 6)  b = 0.124*lin(v+38, 6)
        minf = a/(a+b)  mtau = 1/(a+b)/QT
        a = 0.015*lin(v+66, 6)  b = 0.015*lin(-(v+66), 6)
        hinf = a/(a+b)  htau = 1/(a+b)/QT"""),
    "NaTs2": ("na", "m*m*m*h", "m h", """
        a = 0.182*lin(-(v+32), 6)  b = 0.124*lin(v+32, 6)
        minf = a/(a+b)  mtau = 1/(a+b)/QT
        a = 0.015*lin(v+60, 6)  b = 0.015*lin(-(v+60), 6)
        hinf = a/(a+b)  htau = 1/(a+b)/QT"""),
    "NapEt2": ("na", "m*m*m*h", "m h", """
        a = 0.182*lin(-(v+38), 6)  b = 0.124*lin(v+38, 6)
        minf = 1/(1+exp(-(v+52.6)/4.6))  mtau = 6/(a+b)/QT
        a = 2.88e-6*lin(v+17, 4.63)  b = 6.94e-6*lin(-(v+64.4), 2.63)
        hinf = 1/(1+exp((v+48.8)/10))  htau = 1/(a+b)/QT"""),
    "SKv3": ("k", "m", "m", """
        minf = 1/(1+exp(-(v-18.7)/9.7))  mtau = 4/(1+exp(-(v+46.56)/44.14))"""),
}

SK = """NEURON { SUFFIX SKE2 USEION k READ ek WRITE ik USEION ca READ cai RANGE g }
UNITS { (mV) = (millivolt) (mA) = (milliamp) (S) = (siemens) }
PARAMETER { g = 0 (S/cm2) }
ASSIGNED { v (mV) ek (mV) ik (mA/cm2) cai zinf }
STATE { z }
BREAKPOINT { SOLVE states METHOD cnexp  ik = g*z*(v-ek) }
DERIVATIVE states { rates(cai)  z' = (zinf-z)/1 }
INITIAL { rates(cai)  z = zinf }
PROCEDURE rates(ca) { if (ca < 1e-7) { ca = ca+1e-7 }  zinf = 1/(1+(0.00043/ca)^4.8) }
"""

POOL = """NEURON { SUFFIX CaPool USEION ca READ ica WRITE cai RANGE gamma, decay }
UNITS { (mM) = (milli/liter) (mA) = (milliamp) }
PARAMETER { gamma = 0.05  decay = 80 }
ASSIGNED { ica (mA/cm2) }
STATE { cai (mM) }
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { cai' = -10000*ica*gamma/(2*96485.33*0.1) - (cai-1e-4)/decay }
"""


def channel(name):
    ion, factor, states, rates = CHANNELS[name]
    use, e = (f"USEION {ion} READ e{ion} WRITE i{ion}", f"e{ion}") if ion else ("NONSPECIFIC_CURRENT i", "e")
    current = f"i{ion}" if ion else "i"
    states = states.split()
    locals_ = ", ".join(x for x in "abw" if f"{x} = " in rates)
    return f"""NEURON {{ SUFFIX {name} {use} RANGE g }}
UNITS {{ (mV) = (millivolt) (mA) = (milliamp) (S) = (siemens) }}
PARAMETER {{ g = 0 (S/cm2) {"" if ion else "e = -45 (mV)"} }}
ASSIGNED {{ v (mV) {f"e{ion} (mV)" if ion else ""} {current} (mA/cm2) {" ".join(f"{s}inf {s}tau" for s in states)} }}
STATE {{ {" ".join(states)} }}
BREAKPOINT {{ SOLVE states METHOD cnexp  {current} = g*{factor}*(v-{e}) }}
DERIVATIVE states {{ rates(v)  {"  ".join(f"{s}' = ({s}inf-{s})/{s}tau" for s in states)} }}
INITIAL {{ rates(v)  {"  ".join(f"{s} = {s}inf" for s in states)} }}
FUNCTION lin(x, k) {{ if (fabs(x/k) < 1e-6) {{ lin = k*(1-x/k/2) }} else {{ lin = x/(exp(x/k)-1) }} }}
PROCEDURE rates(v) {{
{f"        LOCAL {locals_}" if locals_ else ""}{rates.replace("QT", str(QT))}
}}
"""


def synapse(name, receptors):
    """Receptors of a rise and a decay each: (g_ns, e_mv, rise_ms, decay_ms, with magnesium)."""
    states, initial, step, total, jump, assigned = [], "", "", [], "", []
    for k, (g, e, rise, decay, magnesium) in enumerate(receptors):
        peak = rise*decay/(decay-rise)*math.log(decay/rise)
        factor = 1/(math.exp(-peak/decay)-math.exp(-peak/rise))
        states += [f"a{k}", f"b{k}"]
        assigned += [f"fa{k}", f"fb{k}"]
        initial += f"  a{k} = 0  b{k} = 0  fa{k} = exp(-dt/{rise})  fb{k} = exp(-dt/{decay})\n"
        step += f"  a{k} = a{k}*fa{k}  b{k} = b{k}*fb{k}\n"
        gate = "*gate" if magnesium else ""
        total.append(f"{g*1e-3}{gate}*(b{k}-a{k})*(v-({e}))")
        jump += f"  a{k} = a{k}+w*{factor}  b{k} = b{k}+w*{factor}\n"
    gate = "  gate = 1/(1+exp(-0.08*v)/3.57)" if any(r[4] for r in receptors) else ""
    return f"""NEURON {{ POINT_PROCESS {name} NONSPECIFIC_CURRENT i }}
UNITS {{ (mV) = (millivolt) (nA) = (nanoamp) }}
ASSIGNED {{ v (mV) i (nA) gate dt {" ".join(assigned)} }}
STATE {{ {" ".join(states)} }}
INITIAL {{
{initial}}}
BREAKPOINT {{ SOLVE state
{gate}
  i = {" + ".join(total)}
}}
PROCEDURE state() {{
{step}}}
NET_RECEIVE(w) {{
{jump}}}
"""


def compile_mechanisms(folder):
    mods = {name: channel(name) for name in CHANNELS}
    mods |= {"SKE2": SK, "CaPool": POOL}
    mods["Excitatory"] = synapse("Excitatory", [(0.4, 0, 0.3, 3, False), (0.4, 0, 2, 70, True)])
    mods["Inhibitory"] = synapse("Inhibitory", [(1.0, -80, 0.2, 8, False)])
    for name, text in mods.items():
        with open(os.path.join(folder, name + ".mod"), "w") as file:
            file.write(text)
    compiler = os.path.join(os.path.dirname(sys.executable), "nrnivmodl")
    subprocess.run([compiler, "."], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def build(h, path):
    h.load_file("import3d.hoc")
    reader = h.Import3d_Neurolucida3()
    reader.quiet = 1
    reader.input(path)

    class Cell:
        pass

    cell = Cell()
    h.Import3d_GUI(reader, 0).instantiate(cell)
    for section in list(getattr(cell, "axon", [])):
        h.delete_section(sec=section)
    soma = cell.soma[0]
    axon = [h.Section(name=f"ax{k}") for k in range(2)]
    for section in axon:
        section.L, section.diam = 30, 1
    axon[0].connect(soma(0.5), 0)
    axon[1].connect(axon[0](1), 0)
    regions = {"soma": [soma], "axon": axon, "dend": list(cell.dend), "apic": list(cell.apic)}
    for name, sections in regions.items():
        for section in sections:
            section.nseg = 1 if name == "axon" else 1+2*int(section.L/40)
            section.Ra, section.cm = 100, 1 if name in ("soma", "axon") else 2
            section.insert("pas")
            section.g_pas = {"soma": 3e-5, "axon": 3e-5, "apic": 6e-5, "dend": 6e-5}[name]
            section.e_pas = -90
    return cell, regions


DENSITIES = {
    "axon": {"Ih": 5e-5, "Im": 0.013322, "CaLVA": 0.000813, "CaHVA": 0.000222, "SKv3": 0.473799, "SKE2": 4.7e-5,
             "KTst": 0.077274, "KPst": 0.188851, "NapEt2": 0.005834, "NaTa": 3.89618},
    "soma": {"Ih": 7.5e-5, "Im": 8e-6, "CaLVA": 0.000557, "CaHVA": 0.000644, "SKE2": 0.09965, "SKv3": 0.338029,
             "NaTs2": 0.998912},
    "apic": {"SKE2": 2e-6, "CaHVA": 0.000701, "SKv3": 0.001808, "NaTs2": 0.021489, "Im": 0.00099, "CaLVA": 0, "Ih": 0},
    "dend": {"Ih": 5e-5},
}
POOLS = {"axon": (0.000525, 277.300774), "soma": (0.000509, 294.679571), "apic": (0.000637, 35.725651)}


def paint(h, regions):
    soma = regions["soma"][0]
    longest = max(h.distance(soma(0.5), s(1)) for s in regions["apic"])
    for name, densities in DENSITIES.items():
        for section in regions[name]:
            for channel_name, density in densities.items():
                section.insert(channel_name)
                for segment in section:
                    distance = h.distance(soma(0.5), segment)
                    if name == "apic" and channel_name == "CaLVA":
                        density = 0.141954*1.6*(1 if 685 < distance < 885 else 0.01)
                    if name == "apic" and channel_name == "Ih":
                        density = 1e-4*(-0.8696+2.087*math.exp(3.6161*min(distance/longest, 0.65)))
                    setattr(getattr(segment, channel_name), "g", density)
            if name in POOLS:
                section.insert("CaPool")
                section.gamma_CaPool, section.decay_CaPool = POOLS[name]
            if name != "dend":
                section.ek, section.ena = -85, 50


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("morphology")
    parser.add_argument("--ms", type=float, default=300)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--without-synapses", action="store_true")
    arguments = parser.parse_args()
    path = os.path.abspath(arguments.morphology)
    with tempfile.TemporaryDirectory() as folder:
        compile_mechanisms(folder)
        import neuron
        from neuron import h
        h.nrn_load_dll(glob.glob(os.path.join(folder, "*", "libnrnmech.so"))[0])
    cell, regions = build(h, path)
    paint(h, regions)
    segments = sum(s.nseg for s in h.allsec())
    random.seed(1)
    synapses, inputs, events = [], [], 0
    if not arguments.without_synapses:
        for section in regions["dend"]+regions["apic"]:
            for segment in section:
                # Means of the protocol, in spikes of a tree in 100 ms.
                for kind, per_tree in (("Excitatory", 400), ("Inhibitory", 312)):
                    synapse_ = getattr(h, kind)(segment)
                    rate = per_tree/100/sum(s.nseg for s in regions["dend" if section in regions["dend"] else "apic"])
                    times, t = [], random.expovariate(rate)
                    while t < arguments.ms:
                        times.append(math.ceil(t))
                        t += random.expovariate(rate)
                    connection = h.NetCon(None, synapse_)
                    connection.delay, connection.weight[0] = 0, 1
                    synapses.append((synapse_, connection, times))
                    events += len(times)
    voltage = h.Vector().record(regions["soma"][0](0.5)._ref_v)
    counter = h.APCount(regions["soma"][0](0.5))
    counter.thresh = -20
    handler = h.FInitializeHandler(lambda: [connection.event(t) for _, connection, times in synapses for t in times])
    h.dt, h.celsius = 0.025, 6.3
    context = h.ParallelContext()
    context.set_maxstep(10)
    best = math.inf
    for _ in range(arguments.reps):
        h.finitialize(-76)
        start = time.perf_counter()
        context.psolve(arguments.ms)
        best = min(best, time.perf_counter()-start)
    steps = arguments.ms/0.025
    print(f"NEURON {neuron.__version__}: {segments} segments, {len(synapses)} synapses, {events} events, {int(counter.n)} spikes, "
          f"last voltage {voltage[len(voltage)-1]:.3f} mV")
    print(f"{best/arguments.ms*1e3:.3f} s for 1 s, {best/steps/segments*1e9:.0f} ns a segment and step")


main()
