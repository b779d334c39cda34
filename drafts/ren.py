import re
from pathlib import Path
p=Path("mnist_helpers/training/recipes.py"); t=p.read_text()
t=t.replace('''# The record: no validation split, the last epoch's averaged weights; chosen among the finalists by cross-validation.
''','''# The regularized networks: no validation split, the last epoch's averaged weights; chosen by cross-validation among
# finalists with fewer epochs, of which SHORTER_LENET5 and SHORTER_MLP won, and then with more epochs.
''')
t=t.replace('''schedule="one-cycle", batch_size=64, epochs=40, validation=0, label_smoothing=0.05,''','''schedule="one-cycle", batch_size=64, epochs=120, validation=0, label_smoothing=0.05,''')
t=t.replace('''schedule="one-cycle", batch_size=128, epochs=100, validation=0, label_smoothing=0.05,''','''schedule="one-cycle", batch_size=128, epochs=300, validation=0, label_smoothing=0.05,''')
t=t.replace('''# Chapter 7: a tenth of the images''','''SHORTER_LENET5 = BEST_LENET5.changed("SHORTER_LENET5", epochs=40)
SHORTER_MLP = BEST_MLP.changed("SHORTER_MLP", epochs=100)
# Chapter 7: a tenth of the images''')
t=t.replace('''    "ROBUST_LENET5", epochs=120,
    augmentation''','''    "ROBUST_LENET5",
    augmentation''')
t=t.replace('''# Chapter 6: from the protocol to the regularized networks, which are the last steps; a step takes these fields of them.''','''# Chapter 6: from the protocol to the networks with fewer epochs, the last steps; a step takes these fields of them.''')
t=t.replace('_controls("LeNet-5", BEST_LENET5), "MLP": _controls("MLP", BEST_MLP)','_controls("LeNet-5", SHORTER_LENET5), "MLP": _controls("MLP", SHORTER_MLP)')
t=t.replace("BEST_LENET5, BEST_MLP,\n    ROBUST_LENET5,","SHORTER_LENET5,\n    SHORTER_MLP, BEST_LENET5, BEST_MLP, ROBUST_LENET5,")
p.write_text(t)
p=Path("mnist_helpers/studies/contents.py"); t=p.read_text()
t=t.replace('''from mnist_helpers.training.recipes import AUGMENTATION, BEST_LENET5, BEST_MLP, LENET5, MLP_SMALL, TECHNIQUES
''','''from mnist_helpers.training.recipes import (
    AUGMENTATION, BEST_LENET5, BEST_MLP, LENET5, MLP_SMALL, SHORTER_LENET5, SHORTER_MLP, TECHNIQUES,
)  # fmt: skip
''')
a,b=t.split("# Their winners with three times the epochs.")
a=a.replace('"LeNet-5, SiLU": BEST_LENET5','"LeNet-5, SiLU": SHORTER_LENET5').replace('replace(BEST_LENET5, activation="relu")','replace(SHORTER_LENET5, activation="relu")').replace('replace(BEST_MLP, augmentation','replace(SHORTER_MLP, augmentation').replace('"MLP, stronger distortions": BEST_MLP','"MLP, stronger distortions": SHORTER_MLP')
b=b.replace('replace(BEST_LENET5, epochs=120),\n    "MLP','BEST_LENET5,\n    "MLP').replace('replace(BEST_MLP, epochs=300)','BEST_MLP')
b=b.replace('changed: Recipe = BEST_LENET5','changed: Recipe = SHORTER_LENET5').replace('"regularized": BEST_LENET5','"regularized": SHORTER_LENET5').replace('replace(BEST_LENET5, calm=0)','replace(SHORTER_LENET5, calm=0)').replace('replace(BEST_LENET5, epochs=80)','replace(SHORTER_LENET5, epochs=80)').replace('_robust(replace(BEST_LENET5, epochs=120), ','_robust(BEST_LENET5, ')
b=b.replace('''    best = (BEST_LENET5, BEST_MLP)
    yield Study("record", best, five, keeps_answers=True, pretrained=best)
''','''    yield Study("record", (SHORTER_LENET5, SHORTER_MLP), ten)
''')
b=b.replace('''yield Study("longer_folds", _in_folds(LONGER), five[:1], plan=plans.LONGER)
''','''yield Study("longer_folds", _in_folds(LONGER), five[:1], plan=plans.LONGER)
    best = (BEST_LENET5, BEST_MLP)
    yield Study("longer", best, ten, plan=plans.LONGER, keeps_answers=True, pretrained=best)
''')
b=b.replace('''    longer = (recipe.changed(name) for name, recipe in LONGER.items())
    yield Study("longer", tuple(longer), ten, plan=plans.LONGER, keeps_answers=True)
''',"")
p.write_text(a+"# Their winners with three times the epochs."+b)
p=Path("mnist_helpers/studies/__init__.py"); t=p.read_text()
t=t.replace("from mnist_helpers.studies.contents import FOLDS as FOLDS\n","from mnist_helpers.studies.contents import FOLDS as FOLDS\nfrom mnist_helpers.studies.contents import LONGER as LONGER\n")
p.write_text(t)
p=Path("mnist_helpers/training/recipes.py"); t=p.read_text()
a=t.index("LIVE_ONCE = ("); b=t.index("# fmt: skip",a)
t=t[:a]+'''LIVE_ONCE = (
    SHORTER_MLP, IDEAS["LeNet-5", "permuted"], BEST_TECHNIQUE, IDEAS["no pooling", "in order"],
    IDEAS["MLP", "permuted"], IDEAS["small MLP", "permuted"], IDEAS_DATA["neither", "1000 images"],
    *(SIZED[name, LIVE_SIZE] for name in COMPARED),
)  '''+t[b:]
p.write_text(t)
