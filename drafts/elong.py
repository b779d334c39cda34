"""Chapters 6 and 7 with the study `longer` (both networks gain): python elong.py ROOT; before e9b.py."""
import sys, hashlib; sys.path.insert(0, "drafts")
from nb import NB
ROOT=sys.argv[1]
def code(src, hidden=True, live=False):
    meta={"cellView":"form","jupyter":{"source_hidden":True}} if hidden else {}
    if live: meta["tags"]=["nbval-ignore-output"]
    return {"cell_type":"code","execution_count":None,"id":hashlib.md5(src.encode()).hexdigest()[:8],"metadata":meta,"outputs":[],"source":src.strip("\n").splitlines(True)}
def text(src):
    return {"cell_type":"markdown","id":hashlib.md5(src.encode()).hexdigest()[:8],"metadata":{},"source":src.strip("\n").splitlines(True)}
def after(n, marker, cells):
    i=n.find(marker); n.nb["cells"][i+1:i+1]=cells
n=NB(f"{ROOT}/notebooks/06_regularization.ipynb")
n.sub('tables="sweep techniques live folds recipes record more"','tables="sweep techniques live folds longer recipes record more"')
n.sub('''sweep, folds, record = studies.read("sweep"), studies.read("folds"), studies.read("record")
''','''sweep, folds, longer_folds = studies.read("sweep"), studies.read("folds"), studies.read("longer_folds")
record, longer = studies.read("record"), studies.read("longer")
''')
n.sub("accuracies = {name: statistics.chosen_accuracies(results) for name, results in (verified | record).items()}",
      "shown = verified | record | longer\naccuracies = {name: statistics.chosen_accuracies(results) for name, results in shown.items()}")
n.sub('provenance = studies.provenance(verified, sweep, folds, record).replace("trainings", "training runs")','every = studies.provenance(verified, sweep, folds, longer_folds, record, longer)\nprovenance = every.replace("trainings", "training runs")')
n.sub("those of the regularized LeNet-5 of section 6.8.","those of the regularized LeNet-5 of section 6.9.")
n.sub("## 6.8 The regularized networks","## 6.8 Choosing the recipes of the regularized networks")
n.sub("several looks at an image, follow in section 6.10. The networks of this section are called the *regularized* LeNet-5 and the *regularized* MLP.",
      "several looks at an image, follow in section 6.11. The two networks to be trained are called the *regularized* LeNet-5 and the *regularized* MLP.")
n.sub("the batch sizes of Table 6.5, and distortions","the batch sizes of Table 6.6, and distortions")
n.sub('''best_recipes = {"LeNet-5": recipes.BEST_LENET5, "MLP": recipes.BEST_MLP}
winners''','''shorter_recipes = {"LeNet-5": recipes.SHORTER_LENET5, "MLP": recipes.SHORTER_MLP}
winners''')
n.sub("for network in best_recipes:\n    finalists","for network in shorter_recipes:\n    finalists")
n.sub("The finalist *{winner}* has fewer misses and is used.","The finalist *{winner}* has fewer misses and goes on.")
n.sub('''    same = studies.FINALISTS[winner] == best_recipes[network]
    chapter.check(same, f"the recipe of the regularized {network} is the one that cross-validation chose")''',
'''    same = studies.FINALISTS[winner] == shorter_recipes[network]
    chapter.check(same, f"the recipe of {network} that goes on is the one that cross-validation chose")''')
after(n,"same = studies.FINALISTS[winner] == shorter_recipes[network]",[text('''
**More epochs.** The four finalists had 40 epochs (LeNet-5) and 100 (MLP). When their results on the test images were known, the two that go on were also trained with three times as many epochs, in the same
cross-validation. This is the plan of these training runs. What it calls the regularized networks are the two with fewer epochs.
'''),code('''
chapter.say(studies.STUDIES["longer"].plan)
'''),code('''
best_recipes = {"LeNet-5": recipes.BEST_LENET5, "MLP": recipes.BEST_MLP}
longer_misses, fewer = {}, {}  # with more epochs: the misses in each part, the share of misses saved, in %
for network, (name, recipe) in zip(best_recipes, studies.LONGER.items(), strict=True):
    ends = [longer_folds[f"{name}, fold {fold}"][0].history[-1] for fold in range(studies.FOLDS)]
    longer_misses[network] = [round((1 - end["valid_accuracy"]) * held_out) for end in ends]
    fewer[network] = 100 * (1 - sum(longer_misses[network]) / missed[winners[network]])
    used = fewer[network] >= 5 and recipe == best_recipes[network]
    chapter.check(used, f"the recipe of the regularized {network} is the one that cross-validation chose")
'''),code('''
rows = []
for network, recipe in best_recipes.items():
    both = {shorter_recipes[network].epochs: fold_misses[winners[network]]}
    both[recipe.epochs] = longer_misses[network]
    for epochs, parts in both.items():
        rows.append({
            "network": network,
            "epochs": epochs,
            f"misses of {len(mnist.train):,}": sum(parts),
            "errors, %": f"{100 * sum(parts) / len(mnist.train):.2f}",
            f"misses in each part of {held_out:,}": ", ".join(map(str, parts)),
        })
chapter.table(pd.DataFrame(rows), "longer", "Cross-validation with three times the epochs.")
chapter.say(
    "With more epochs the misses of the cross-validation become fewer, by "
    f"{fewer['LeNet-5']:.1f} % (LeNet-5) and {fewer['MLP']:.1f} % (MLP), as Table 6.5 shows. By the plan both "
    "recipes gain, and they become those of the regularized networks."
)
''')])
i=n.find("Table 6.5 lists what the chosen recipes change")
n.set(i,'''
## 6.9 The regularized networks

Table 6.6 lists what the chosen recipes change in the protocol of chapter 5; `calm` is the share of the epochs, at the end, over which the distortions become weaker. With them the networks were trained on all 60,000 training images, with ten seeds and for the fixed number of epochs. The same was done with the recipes that have fewer epochs. The network
after the last epoch is evaluated, so this last step chooses nothing on the test images. The candidates themselves come in part from work in which test accuracies had been seen, as section 6.8 says. The recipes with fewer epochs answered the test images before the others were planned, so those with more epochs are the second that are tried on them. Table 6.7 has both.
''')
n.sub('''    seed_misses[name] = [len(result.wrong) for result in record[recipe.name]]
''','''    seed_misses[name] = [len(result.wrong) for result in longer[recipe.name]]
longer_gains = statistics.adjust({
    name: statistics.difference(longer[recipe.name], record[shorter_recipes[name].name])
    for name, recipe in best_recipes.items()
})
shown_longer_p = {name: statistics.format_p(gain.p, "p") for name, gain in longer_gains.items()}
''')
i=n.find('"network": f"{name}, regularized",\n        "parameters"')
n.set(i,'''
rows = []
for name, recipe in best_recipes.items():
    for trained, runs in ((shorter_recipes[name], record), (recipe, longer)):
        rows.append({
            "network": name if trained != recipe else f"{name}, regularized",
            "epochs": trained.epochs,
            "parameters": f"{sizes[name].total:,}",
            "test accuracy": str(scores[trained.name]),
            "misses, mean": f"{scores[trained.name].misses:.1f}",
            "misses, each seed": ", ".join(str(len(run.wrong)) for run in runs[trained.name]),
        })
caption = "The regularized networks, and the same recipes with fewer epochs, on the 10,000 test images."
chapter.table(pd.DataFrame(rows), "record", caption)
''')
n.nb["cells"][i+1:i+1]=[code('''
for name, gain in longer_gains.items():
    shown = "a gain" if gain.mean > 0 and gain.p < 0.05 else "no significant gain"
    chapter.say(
        f"**{name}.** Against {shorter_recipes[name].epochs} epochs, {best_recipes[name].epochs} change the "
        f"accuracy by {gain}, in {len(longer['BEST_LENET5'])} pairs of seeds "
        f"({shown_longer_p[name]}, adjusted for {len(longer_gains)} tests): on the test images {shown}."
    )
'''),text('''
As a check one of these training runs is repeated here, the shortest:
'''),code('''
repeated = training.train_many(recipes.SHORTER_MLP, [seed])[0]
low, high = statistics.range_of_one_more(scores["SHORTER_MLP"], 0.999)
''',hidden=False,live=True),code('''
repeated_accuracy = 100 * repeated.test_accuracy
kept = 100 * accuracies["SHORTER_MLP"][0]
chapter.say(
    f"The MLP with {repeated.recipe.epochs} epochs and seed {seed} has {repeated_accuracy:.2f} % here, in the "
    f"study {kept:.2f} %."
)
chapter.check(low <= repeated_accuracy <= high, "the repeated MLP comes out close to its study")
''',live=True),code('''
before, after = scores["plain"], best_scores["LeNet-5"]
chapter.say(
    f"LeNet-5's misses fall from {before.misses:.0f} with the protocol of chapter 5 (Table 6.2) to "
    f"{after.misses:.0f}. This is not the effect of regularization alone: the number of training images, the "
    "epochs, the optimizer and the activation have changed as well, and these training runs do not separate "
    "them."
)
''')]
n.sub('''    chapter.record(f"{key}_macs", size.macs, unit="MACs an image")
''','''    chapter.record(f"{key}_macs", size.macs, unit="MACs an image")
    gain, key = longer_gains[name], f"{key}_gain_of_epochs"
    chapter.record(key, gain.mean, interval=(gain.low, gain.high), n=score.n, unit="points")
''')
n.sub("## 6.9 Every remaining error","## 6.10 Every remaining error")
n.sub("## 6.10 Several networks, several looks","## 6.11 Several networks, several looks")
n.sub("The first seed is the same network as in section 6.9.","The first seed is the same network as in section 6.10.")
n.sub("Table 6.7 has the misses.","Table 6.8 has the misses.")
n.sub("{len(record['BEST_LENET5'])} seeds and number","{len(longer['BEST_LENET5'])} seeds and number")
n.sub('by_seed = studies.probabilities("record")','by_seed = studies.probabilities("longer")')
n.sub('''  {scores['BEST_MLP'].mean:.2f} % (MLP) with the parameters of chapter 5. Their recipes change more.
''','''  {scores['BEST_MLP'].mean:.2f} % (MLP) with the parameters of chapter 5. Their recipes change more.
* Three times the epochs save {fewer['LeNet-5']:.0f} % of LeNet-5's misses in cross-validation, and
  {fewer['MLP']:.0f} % of the MLP's; on the test images they change the accuracies by
  {longer_gains['LeNet-5']} and {longer_gains['MLP']}.
''')
n.save()
n=NB(f"{ROOT}/notebooks/07_inside_the_networks.ipynb")
n.sub("section 6.9 tells how many misses it has beside the others","section 6.10 tells how many misses it has beside the others")
n.sub('of_regularized = studies.read("record")["BEST_LENET5"]','of_regularized = studies.read("longer")["BEST_LENET5"]')
n.sub('''    "The first two rows of Table 7.8 show where the regularized network is below the plain one. None of the "
    f"first four candidates qualified.''','''    "The first two rows of Table 7.8 show where the regularized network, here still with "
    f"{recipes.SHORTER_LENET5.epochs} epochs, is below the plain one. None of the first four candidates qualified.''')
n.sub('''{cost_of_robustness}. (With all its "
    f"{n_robust} seeds the robust one has {robust_score.mean:.2f} %.) This is "
''','''{cost_of_robustness}. This is "
''')
n.sub('''robust_score = statistics.summarise(statistics.chosen_accuracies(robust["ROBUST_LENET5"]))
''',"")
n.sub('''    f"{'within' if cheap_enough else 'below'} what the plan allows, a mean of −0.05 points. But the robust "
    f"one has {recipes.ROBUST_LENET5.epochs} epochs and the regularized one {recipes.BEST_LENET5.epochs}, so "
    "this does not separate the cost of the added changes from the effect of longer training."
''','''    f"{'within' if cheap_enough else 'below'} what the plan allows, a mean of −0.05 points. Both have "
    f"{recipes.BEST_LENET5.epochs} epochs, and only the added changes differ."
''')
n.sub('''record = studies.read("record")
record_lenet5 = statistics.summarise(statistics.chosen_accuracies(record["BEST_LENET5"]))
record_mlp = statistics.summarise(statistics.chosen_accuracies(record["BEST_MLP"]))
''','''longer = studies.read("longer")
record_lenet5 = statistics.summarise(statistics.chosen_accuracies(longer["BEST_LENET5"]))
record_mlp = statistics.summarise(statistics.chosen_accuracies(longer["BEST_MLP"]))
''')
n.sub('''    "record": ("6.8 to 6.10", "the regularized networks, one by one and together"),
''','''    "longer_folds": ("6.8", "kept, not used: cross-validation chooses"),
    "record": ("6.9", "the regularized networks with fewer epochs"),
    "longer": ("6.9 to 6.11", "the regularized networks, one by one and together"),
''')
n.sub("""those of pixel orders, of LeNet-5's variants
  and of the robust LeNet-5 {n_seeds}, those of sizes, of few images and of the regularized networks
  {n_capacity}. Some results""","""those of pixel orders, of LeNet-5's variants,
  of the regularized networks and of the robust LeNet-5 {n_seeds}, those of sizes and of few images
  {n_capacity}. Some results""")
n.sub("""and
  the variants of LeNet-5 were planned when the results of LeNet-5 and of the MLPs were known, the robust
  LeNet-5 when those of section 7.8 were. Section""","""the
  variants of LeNet-5 were planned when the results of LeNet-5 and of the MLPs were known, the robust
  LeNet-5 when those of section 7.8 were, and the regularized networks with more epochs when those with
  fewer were. Section""")
n.sub("""* Protocol: all networks of chapter 5 are trained with the same learning rate and number of epochs. Values
  chosen for each network might change the leads.
""","""* Protocol: one learning rate and one number of epochs for all; values for each might change the leads.
""")
n.save()
