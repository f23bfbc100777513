"""A report as one HTML page that needs no other file, no network and no script."""

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from maskdistill.pipeline.apps.report.blocks import Report


def render_page(report: Report) -> str:
    """The page. Ids of images and names of classes are escaped; only the charts and the style sheet are markup."""
    environment = Environment(
        loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("page.html.j2")
    return template.render(report=report, style=_read("page.css"))


def _read(name: str) -> str:
    return files("maskdistill.pipeline.apps.report").joinpath(name).read_text(encoding="utf-8")
