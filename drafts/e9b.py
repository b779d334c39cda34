"""Chapter 6: section 6.9 on the study `controls`, once it is whole; sections behind it move by one."""
import sys, hashlib; sys.path.insert(0, str(__import__("pathlib").Path(__file__).parent))
from nb import NB
ROOT=sys.argv[1]
def code(src, hidden=True):
    meta={"cellView":"form","jupyter":{"source_hidden":True}} if hidden else {}
    return {"cell_type":"code","execution_count":None,"id":hashlib.md5(src.encode()).hexdigest()[:8],"metadata":meta,"outputs":[],"source":src.strip("\n").splitlines(True)}
def text(src):
    return {"cell_type":"markdown","id":hashlib.md5(src.encode()).hexdigest()[:8],"metadata":{},"source":src.strip("\n").splitlines(True)}
n=NB(f"{ROOT}/notebooks/06_regularization.ipynb")
n.sub("## 6.11 Several networks, several looks","## 6.12 Several networks, several looks")
n.sub("## 6.10 Every remaining error","## 6.11 Every remaining error")
n.sub("several looks at an image, follow in section 6.11.","several looks at an image, follow in section 6.12.")
n.sub("The first seed is the same network as in section 6.10.","The first seed is the same network as in section 6.11.")
n.sub("Figure 6.5 shows all images that LeNet-5 gets wrong","Figure 6.6 shows all images that LeNet-5 gets wrong")
n.sub("Table 6.8 has the misses.","Table 6.9 has the misses.")
n.sub('figures="augmented gains gap record errors"','figures="augmented gains gap record steps errors"')
n.sub('recipes record more"','recipes record steps more"')
n.sub('''{after.misses:.0f}. This is not the effect of regularization alone: the number of training images, the "
    "epochs, the optimizer and the activation have changed as well, and these training runs do not separate "
    "them."
''','''{after.misses:.0f}. This is not the effect of regularization alone: the number of training images, the "
    "epochs, the optimizer and the activation have changed as well. Section 6.10 separates them."
''')
cells=[text('''
## 6.10 Which of the changes matter?

Between the protocol of chapter 5 and the regularized networks several things change at once. In this section they change one after another, and each step keeps the changes before it.
The first step takes all 60,000 training images, so that no validation images are left, and the last epoch's weights are kept. The second brings the optimizer AdamW, the one-cycle schedule
and the batch size, still without regularization; LeNet-5 then has 40 epochs and the MLP 100, as in the recipes with fewer epochs of Table 6.7, which are the last steps. This is the plan of these training runs:
'''),code('chapter.say(studies.STUDIES["controls"].plan)'),code('''
controls, ideas = studies.read("controls"), studies.read("ideas")
rungs = {}  # {(network, step): its gain over the step before}
for network, steps in recipes.CONTROLS.items():
    for before, step in zip(steps, list(steps)[1:], strict=False):
        rungs[network, step] = statistics.difference(*(controls[steps[key].name] for key in (step, before)))
rungs = statistics.adjust(rungs)
shown_rung_p = {rung: statistics.format_p(gain.p) for rung, gain in rungs.items()}
step_scores = {}
for name, group in controls.items():
    step_scores[name] = statistics.summarise(statistics.chosen_accuracies(group))
n_controls = len(controls["LeNet-5: protocol"])
''',hidden=False),code('''
rows, drawn = [], []
for network, steps in recipes.CONTROLS.items():
    for step, recipe in steps.items():
        score = step_scores[recipe.name]
        low, high = score.interval
        drawn.append({"step": step, "network": network, "mean": score.mean, "low": low, "high": high})
        known = (network, step) in rungs
        rows.append({
            "network": network,
            "step": step,
            "test accuracy, %": f"{score.mean:.2f}",
            "misses": f"{score.misses:.1f}",
            "gain over the step before, points": rungs[network, step].numbers if known else "",
            "p (Holm)": shown_rung_p.get((network, step), ""),
        })
'''),code('''
caption = (
    f"From the protocol of chapter 5 to the recipes with fewer epochs: {n_controls} seeds, 95 % intervals."
)
chapter.figure(curves.ladder(pd.DataFrame(drawn)), "steps", caption)
caption = (
    f"From the protocol to the recipes with fewer epochs, one change at a time: means of {n_controls} seeds. The "
    f"gains and p allow for other seeds and other test images; p is adjusted for {len(rungs)} tests."
)
chapter.table(pd.DataFrame(rows), "steps", caption)
'''),code('''
clear = {network: [] for network in recipes.CONTROLS}  # the steps with a significant gain, the largest first
for network, step in sorted(rungs, key=lambda rung: -rungs[rung].mean):
    if rungs[network, step].mean > 0 and rungs[network, step].p < 0.05:
        clear[network].append(f"{step.removeprefix('+ ')} {rungs[network, step]}")
fallen = [rung for rung, gain in rungs.items() if gain.mean < 0 and gain.p < 0.05]
worse = [f"{step.removeprefix('+ ')} ({network})" for network, step in fallen]
regularizing = statistics.difference(controls["MLP: + averaged weights"], controls["MLP: + long schedule"])
of_parameters = statistics.difference(ideas["MLP, in order"], ideas["small MLP, in order"])
parts = [(1, controls["MLP: + averaged weights"]), (-1, controls["MLP: + long schedule"])]
parts += [(-1, ideas["MLP, in order"]), (1, ideas["small MLP, in order"])]
more = statistics.contrast(parts)  # the first gain minus the second
kept = more.low > 0
''',hidden=False),code('''
for network, steps in clear.items():
    chapter.say(f"**{network}.** Steps with a significant gain: {'; '.join(steps) or 'none'}.")
chapter.say(
    f"Steps that make a network significantly worse: {', '.join(worse) or 'none'}. A step that shows no gain "
    "here may have one in another order: what an earlier step has gained, a later one cannot gain again."
)
chapter.say(
    f"**Regularization or parameters?** The three regularizing steps together (augmentation; label smoothing "
    f"and weight decay; averaged weights) give the MLP {regularizing}. The MLP leads the small MLP, "
    f"which has a quarter of its parameters, by {of_parameters}. The difference of the two is "
    f"{more}: regularization {'does' if kept else 'does not, as far as this shows, do'} more for this "
    "MLP than four times the parameters."
)
for network, step in rungs:
    key = f"control_{network}_{step.removeprefix('+ ')}".lower().translate(str.maketrans(" ", "_", "-,"))
    gain = rungs[network, step]
    chapter.record(key, gain.mean, interval=(gain.low, gain.high), n=n_controls, unit="points")
''')]
i=n.find("## 6.11 Every remaining error")
n.nb["cells"][i:i]=cells
n.sub('from mnist_helpers.plots import regularization, samples','from mnist_helpers.plots import curves, regularization, samples')
n.sub(" Their recipes change more.\n"," One change at a\n  time, the largest step is {clear['LeNet-5'][0] if clear['LeNet-5'] else 'not shown'} for LeNet-5 and\n  {clear['MLP'][0] if clear['MLP'] else 'not shown'} for the MLP.\n")
n.save()
n=NB(f"{ROOT}/notebooks/07_inside_the_networks.ipynb")
n.sub("section 6.10 tells how many misses","section 6.11 tells how many misses")
n.sub('"longer": ("6.9 to 6.11"','"longer": ("6.9, 6.11, 6.12"')
n.sub("""    "longer_folds": ("6.8",""","""    "controls": ("6.10", "which of the changes matter, one after another"),
    "longer_folds": ("6.8",""")
n.save()
