"""The numbered notebooks as one report: its settings, what a chapter writes, running all chapters, and the PDF."""


def __getattr__(name: str):
    """Chapter is imported when it is asked for: a JupyterLab that lists its export formats needs no matplotlib."""
    if name == "Chapter":
        from mnist_helpers.report.chapter import Chapter

        return Chapter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
