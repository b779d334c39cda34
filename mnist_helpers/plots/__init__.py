"""One function a figure: takes results, returns a matplotlib Figure, never trains. Grouped by what they show."""

# Colour-blind safe (Okabe and Ito 2008), different in grey too; one colour a model throughout the report.
COLOURS = {"LeNet-5": "#0072B2", "MLP": "#D55E00", "small MLP": "#009E73", "original": "#000000"}
