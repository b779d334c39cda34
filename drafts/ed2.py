import sys; sys.path.insert(0,'/tmp')
from nb import NB
for lang in ('','_ko'):
    n=NB(f'notebooks/00_report{lang}.ipynb')
    n.sub("1 / {statistics.RESAMPLES:,}","1 / {statistics.RESAMPLES + 1:,}")
    n.save()
n=NB('notebooks/07_inside_the_networks.ipynb')
n.sub('''idea_gains = {name: lead_of(weights) for name, weights in comparisons.items()}
adjusted = statistics.holm([gain.p for gain in idea_gains.values()])
idea_p = dict(zip(comparisons, adjusted, strict=True))
shown_idea_p = {name: statistics.format_p(p) for name, p in idea_p.items()}
''','''idea_gains = statistics.adjust({name: lead_of(weights) for name, weights in comparisons.items()})
shown_idea_p = {name: statistics.format_p(gain.p) for name, gain in idea_gains.items()}
''')
n.sub("if gain.low > 0 and idea_p[name] < 0.05]","if gain.low > 0 and gain.p < 0.05]")
n.sub("weakest = max(idea_p, key=idea_p.get)","weakest = max(idea_gains, key=lambda name: idea_gains[name].p)")
n.sub('''behind = {name: statistics.difference(capacity[name], capacity[usual]) for name in mlp_sizes}
adjusted = statistics.holm([gain.p for gain in behind.values()])
behind_p = dict(zip(mlp_sizes, adjusted, strict=True))
shown_behind_p = {name: statistics.format_p(p) for name, p in behind_p.items()}
reached = [name for name in mlp_sizes if behind[name].mean > 0 or behind_p[name] >= 0.05]
''','''behind = {name: statistics.difference(capacity[name], capacity[usual]) for name in mlp_sizes}
behind = statistics.adjust(behind)
reached = [name for name in mlp_sizes if behind[name].mean > 0 or behind[name].p >= 0.05]
''')
n.sub('''"p (Holm)": shown_behind_p.get(name, ""),''','''"p (Holm)": statistics.format_p(behind[name].p) if of_mlp else "",''')
n.sub('''adjusted = statistics.holm([lead.p for lead in sized_leads.values()])
clear = [lead for lead, p in zip(sized_leads.values(), adjusted, strict=True) if lead.mean > 0 and p < 0.05]
''','''clear = [lead for lead in statistics.adjust(sized_leads).values() if lead.mean > 0 and lead.p < 0.05]
''')
n.save()
