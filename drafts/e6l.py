"""Chapter 6: longer training (studies longer_folds), after the record's table; run after e9.py's renumbering is known.
Cells to insert at the end of section 6.8 (both outcomes); tables: "longer" after "record"."""
TEXT = '''
**Longer training.** Do the regularized networks become better with three times the epochs, and everything else as it is? The plan of these training runs:
'''
CODE = '''
longer = studies.read("longer_folds")
longer_missed, longer_share = {}, {}  # of all training images, and the share of the shorter recipe's misses, in %
for name, recipe in studies.LONGER.items():
    results = [longer[f"{name}, fold {fold}"][0] for fold in range(studies.FOLDS)]
    longer_missed[name] = sum(round((1 - result.history[-1]["valid_accuracy"]) * held_out) for result in results)
    shorter = next(key for key, value in studies.FINALISTS.items() if value == replace(recipe, epochs=value.epochs))
    longer_share[name] = 100 * (1 - longer_missed[name] / missed[shorter])
gaining = [name for name, share in longer_share.items() if share >= 5]
'''
SAY = '''
words = [f"{name}: {longer_missed[name]} misses, {share:.1f} % fewer" for name, share in longer_share.items()]
chapter.say(
    f"In the same cross-validation the longer recipes have: {'; '.join(words)}. "
    + (f"By the plan {', '.join(gaining)} gain." if gaining else "By the plan none gains, so nothing more is trained.")
)
'''
