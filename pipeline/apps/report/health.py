"""What looks wrong in what the stages have made."""

from maskdistill.pipeline.apps.report.blocks import Note, Section
from maskdistill.pipeline.apps.report.reported_run import ReportedRun
from maskdistill.pipeline.health import oddities


def health_section(run: ReportedRun) -> Section:
    """A line for each oddity, with the command that shows it."""
    arguments = run.plan.config_source.arguments()
    notes = [
        Note(f"{stage}: {odd}.", f"maskdistill inspect {stage} {arguments}")
        for stage, manifest in run.manifests.items()
        for odd in oddities(manifest.health, run.plan.config.health)
    ]
    lead = "Counted when a stage had run; the limits are the settings of `health`."
    return Section("health", "What looks wrong", lead, notes or [Note("Nothing that is looked for.")])
