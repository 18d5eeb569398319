"""The plug-in of ragas: what it adds, by name."""

from seqclass.plugins import Plugin

PLUGIN = Plugin(
    formats="seqclass.ragas.recordings.recording_format:FORMATS",
    generators="seqclass.ragas.raga_tables:GENERATORS",
    commands="seqclass.ragas.commands:COMMANDS",
    options="seqclass.ragas.recording_options:RecordingOptions",
    baselines="seqclass.ragas.distributions:fit_pitch",
)
