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
n.sub("## 6.10 Several networks, several looks","## 6.11 Several networks, several looks")
n.sub("## 6.9 Every remaining error","## 6.10 Every remaining error")
n.sub("several looks at an image, follow in section 6.10.","several looks at an image, follow in section 6.11.")
n.sub("The first seed is the same network as in section 6.9.","The first seed is the same network as in section 6.10.")
n.sub("Figure 6.5 shows all images that LeNet-5 gets wrong","Figure 6.6 shows all images that LeNet-5 gets wrong")
n.sub("Table 6.7 has the misses.","Table 6.8 has the misses.")
n.sub('figures="augmented gains gap record errors"','figures="augmented gains gap record steps errors"')
n.sub('tables="sweep techniques live folds recipes record more"','tables="sweep techniques live folds recipes record steps more"')
n.sub('''{after.misses:.0f}. This is not the effect of regularization alone: the number of training images, the "
    "epochs, the optimizer and the activation have changed as well, and these training runs do not separate "
    "them."
''','''{after.misses:.0f}. This is not the effect of regularization alone: the number of training images, the "
    "epochs, the optimizer and the activation have changed as well. Section 6.9 separates them."
''')
cells=[text('''
## 6.9 Which of the changes matter?

Between the protocol of chapter 5 and the regularized networks several things change at once. In this section they change one after another, and each step keeps the changes before it.
The first step takes all 60,000 training images, so that no validation images are left, and the last epoch's weights are kept. The second brings the optimizer AdamW, the one-cycle schedule
and the number of epochs of Table 6.5, still without regularization. This is the plan of these training runs:
'''),code('chapter.say(studies.STUDIES["controls"].plan)'),code('''
controls, ideas = studies.read("controls"), studies.read("ideas")
rungs = {}  # {(network, step): its gain over the step before}
for network, steps in recipes.CONTROLS.items():
    for before, step in zip(steps, list(steps)[1:], strict=False):
        rungs[network, step] = statistics.difference(*(controls[steps[key].name] for key in (step, before)))
rungs = statistics.adjust(rungs)
n_controls = len(controls["LeNet-5: protocol"])
''',hidden=False),code('''
rows, drawn = [], []
for network, steps in recipes.CONTROLS.items():
    for step, recipe in steps.items():
        score = statistics.summarise(statistics.chosen_accuracies(controls[recipe.name]))
        low, high = score.interval
        drawn.append({"step": step, "network": network, "mean": score.mean, "low": low, "high": high})
        known = (network, step) in rungs
        rows.append({
            "network": network,
            "step": step,
            "test accuracy, %": f"{score.mean:.2f}",
            "misses": f"{score.misses:.1f}",
            "gain over the step before, points": points(rungs[network, step], "") if known else "",
            "p (Holm)": statistics.format_p(rungs[network, step].p) if known else "",
        })
'''),code('''
caption = f"From the protocol of chapter 5 to the regularized networks: {n_controls} seeds, 95 % intervals."
chapter.figure(curves.ladder(pd.DataFrame(drawn)), "steps", caption)
caption = (
    f"From the protocol to the regularized networks, one change at a time: means of {n_controls} seeds. The "
    f"gains and p allow for other seeds and other test images; p is adjusted for {len(rungs)} tests."
)
chapter.table(pd.DataFrame(rows), "steps", caption)
'''),code('''
clear = {network: [] for network in recipes.CONTROLS}  # the steps with a significant gain, the largest first
for network, step in sorted(rungs, key=lambda rung: -rungs[rung].mean):
    if rungs[network, step].mean > 0 and rungs[network, step].p < 0.05:
        clear[network].append(f"{step.removeprefix('+ ')} {points(rungs[network, step])}")
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
    f"and weight decay; averaged weights) give the MLP {points(regularizing)}. The MLP leads the small MLP, "
    f"which has a quarter of its parameters, by {points(of_parameters)}. The difference of the two is "
    f"{points(more)}: regularization {'does' if kept else 'does not, as far as this shows, do'} more for this "
    "MLP than four times the parameters."
)
for network, step in rungs:
    key = f"control_{network}_{step.removeprefix('+ ')}".lower().translate(str.maketrans(" ", "_", "-,"))
    gain = rungs[network, step]
    chapter.record(key, gain.mean, interval=(gain.low, gain.high), n=n_controls, unit="points")
''')]
i=n.find("## 6.10 Every remaining error")
n.nb["cells"][i:i]=cells
n.sub('from mnist_helpers.plots import regularization, samples','from mnist_helpers.plots import curves, regularization, samples')
i=n.find("* The regularized networks reach {scores['BEST_LENET5'].mean")
n.set(i,n.src(i).replace('''  {scores['BEST_MLP'].mean:.2f} % (MLP) with the parameters of chapter 5. Their recipes change more.
''','''  {scores['BEST_MLP'].mean:.2f} % (MLP) with the parameters of chapter 5. One change at a time, the largest
  step is {clear['LeNet-5'][0] if clear['LeNet-5'] else 'not shown'} for LeNet-5 and
  {clear['MLP'][0] if clear['MLP'] else 'not shown'} for the MLP.
'''))
n.save()
