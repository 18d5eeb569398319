"""Tasks: score a candidate on the test rows, compare it with the champion, report it."""

from prefect import task

from seqclass.pipeline import compare as comparing
from seqclass.pipeline import evaluate as evaluating
from seqclass.pipeline import report

evaluate = task(name="evaluate")(evaluating.evaluate)
compare = task(name="compare")(comparing.compare)
write_report = task(name="report")(report.write_report)
