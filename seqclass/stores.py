"""A store from Python: what the commands do, without Prefect."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqclass.loading import StoredClassifier
from seqclass.store.datasets import dataset_versions, open_dataset
from seqclass.store.format_version import check_format
from seqclass.store.models import model_versions
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Damages, Root, open_root

if TYPE_CHECKING:
    from seqclass.inference.assessment import Assessed
    from seqclass.labelling.relabelling import Relabelled
    from seqclass.pipeline.decision import Outcome
    from seqclass.pipeline.import_files import Imported
    from seqclass.pipeline.ingest import Arrivals
    from seqclass.pipeline.label import Asked
    from seqclass.pipeline.promote import Move
    from seqclass.pipeline.rename import Renamed
    from seqclass.pipeline.training import Trained
    from seqclass.screening.incoming import ImportSpec


def _import_spec(
    paths: Any,
    test_paths: Any,
    columns: dict[str, Any],
    policy: dict[str, str] | None,
    append: bool,
    new_contract: bool,
) -> "ImportSpec":
    from seqclass.screening.contract import policy_of_choices
    from seqclass.screening.incoming import ImportSpec
    from seqclass.store.formats import ColumnNames
    from seqclass.store.validation import read_fields

    answers = policy_of_choices([f"{kind}={action}" for kind, action in (policy or {}).items()])
    names = read_fields(ColumnNames, columns)
    return read_fields(ImportSpec, {
        "paths": paths, "test_paths": test_paths, "columns": names, "policy": answers,
        "append": append, "new_contract": new_contract,
    })  # fmt: skip


def open_store(root: str | os.PathLike[str] | None = None) -> "Store":
    """Open a store of datasets and models.

    Parameters
    ----------
    root : str or path, optional
        Folder or URL of the store; by default ``SEQCLASS_STORAGE``, else ``storage/artifacts`` of
        the checkout, or ``seqclass-store`` in the current folder for an installed package.

    Returns
    -------
    Store
        The store. A folder that does not exist is an empty store, and is made by what is
        stored first.

    Raises
    ------
    ValueError
        If no installed file system can open the URL.

    Examples
    --------
    >>> from seqclass import open_store
    >>> store = open_store("my-store")  # a folder that the commands have filled
    >>> store.models()
    ['courses@v1']
    """
    return Store(check_format(open_root(root)))


class Store:
    """A store of datasets and models, as ``open_store`` returns it.

    Its methods do what the commands of the same names do, without Prefect and without a server.

    Attributes
    ----------
    url : str
        Absolute path or URL of the store.

    Examples
    --------
    >>> from seqclass import open_store
    >>> store = open_store("my-store")
    >>> model = store.model("courses")
    >>> x, labels = store.dataset("courses")
    >>> bool((model.predict(x) == labels).mean() > 0.9)
    True
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self.url = root.url

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def models(self) -> list[str]:
        """Return references of all model versions, ``name@v1``, by name, the oldest first.

        Examples
        --------
        >>> store.models()
        ['courses@v1']
        """
        return [
            ModelRef(name, version).short
            for name in self._root.names("models")
            for version in model_versions(self._root, name)
        ]

    def champion(self, name: str) -> str | None:
        """Return the reference of a model's champion, or None without one.

        Examples
        --------
        >>> store.champion("courses")
        'courses@v1'
        """
        version = champion_of(self._root, name)
        return version and ModelRef(name, version).short

    def model(self, ref: str) -> StoredClassifier:
        """Load a model version, ``name@v1``, or the champion of a ``name``.

        ValueError if there is no such version or no champion.

        Examples
        --------
        >>> store.model("courses@v1")
        StoredClassifier('models/courses@v1')
        """
        return StoredClassifier(open_model(self._root, ref))

    def datasets(self) -> list[str]:
        """Return references of all dataset versions, ``name@digest``, by name, the oldest first.

        Examples
        --------
        >>> [ref.partition("@")[0] for ref in store.datasets()]
        ['courses']
        """
        return [
            DatasetRef(name, version).short
            for name in self._root.names("datasets")
            for version in dataset_versions(self._root, name)
        ]

    def dataset(self, ref: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the series and labels of a dataset, ``name@digest`` or the newest of a ``name``.

        Returns
        -------
        series : array (n, steps, channels) of float32
            Series, padded with NaN to the longest.
        labels : array (n,) of object
            Labels as text; None for a series without one.

        Raises
        ------
        ValueError
            If there is no such dataset, or its files were changed.

        Examples
        --------
        >>> series, labels = store.dataset("courses")
        >>> series.shape, labels[0]
        ((60, 24, 1), 'falls')
        """
        dataset = open_dataset(self._root, ref)
        return dataset.values(), np.array(dataset.labels()["label"].to_pylist(), dtype=object)

    def import_files(
        self,
        name: str,
        *paths: str | os.PathLike[str],
        test: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        append: bool = False,
        new_contract: bool = False,
        policy: dict[str, str] | None = None,
        **columns: Any,
    ) -> "Imported":
        """Read files into a new dataset, or add them to one, as ``seqclass import`` does.

        Parameters
        ----------
        name : str
            Name of the dataset.
        *paths : str or path
            Files or folders: Parquet, CSV, xlsx, ts, tsv, npz, npy, recordings.
        test : str, path, or sequence of them
            Files of the official test rows.
        append : bool
            Add the rows to the newest version.
        new_contract : bool
            Do not compare the rows with the newest version.
        policy : dict, optional
            What becomes of rows that break the contract, such as ``{"holes": "accept"}``.
        **columns
            How files are read: ``series_id``, ``label``, ``step``, ``group``, ``time`` (names of
            columns), ``channels``, ``ignore`` (one name or several), ``layout``, ``delimiter``,
            ``decimal``, ``encoding``, ``sheet``, ``dates``.

        Returns
        -------
        dict
            ``dataset`` (its reference), ``added`` (number of series), ``amiss`` (what looks
            wrong), and what was set aside.

        Raises
        ------
        ValueError
            If a file can't be read, or can be read in two ways, or its rows break the contract;
            nothing is stored then.

        Examples
        --------
        >>> imported = store.import_files("machines", "machines.csv", series_id="machine")
        >>> imported["added"]
        60
        """
        from seqclass.pipeline.import_files import import_files

        spec = _import_spec(paths, test, columns, policy, append, new_contract)
        return import_files(self._root, name, spec)

    def import_frame(
        self,
        name: str,
        frame: Any,
        test: Any | None = None,
        append: bool = False,
        new_contract: bool = False,
        policy: dict[str, str] | None = None,
        **columns: Any,
    ) -> "Imported":
        """Read a DataFrame into a dataset, by the rules by which files are read.

        Parameters
        ----------
        name : str
            Name of the dataset.
        frame : DataFrame of pandas, polars or pyarrow
            A row for each step, or for each series. Named levels of an index count as columns.
        test : DataFrame, optional
            The official test rows.
        append, new_contract, policy, **columns
            As for ``import_files``.

        Returns
        -------
        dict
            As of ``import_files``.

        Raises
        ------
        ValueError
            If the frame can be read in two ways, or its rows break the contract; nothing is stored
            then.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.read_csv("machines.csv")
        >>> store.import_frame("from-frame", frame, series_id="machine")["added"]
        60
        """
        from seqclass.forms import in_pandas
        from seqclass.pipeline.import_files import import_frames

        spec = _import_spec((), (), columns, policy, append, new_contract)
        return import_frames(self._root, name, in_pandas(frame), in_pandas(test), spec)

    def generate(self, generator: str, name: str, **spec: Any) -> str:
        """Draw series into a dataset, as ``seqclass generate`` does, to the same bytes.

        Parameters
        ----------
        generator : str
            What is drawn: ``signals``, ``iot``, ``ragas``, or the generator of a plug-in.
        name : str
            Name of the dataset.
        **spec
            Fields of the generator's spec that differ from the defaults, such as
            ``n_series=300`` or ``seed=7``.

        Returns
        -------
        str
            The dataset's reference, ``datasets/name@digest``.

        Raises
        ------
        ValueError
            If there is no such generator, or a field is out of its range; nothing is stored then.

        Examples
        --------
        >>> drawn = store.generate("signals", "drawn", n_series=30, n_steps=40)
        >>> store.dataset("drawn")[0].shape
        (30, 40, 1)
        """
        from seqclass.generators import generators
        from seqclass.pipeline.generate import generate_dataset
        from seqclass.series import check_choice
        from seqclass.store.validation import read_fields

        check_choice("generator", generator, generators())
        drawn = read_fields(generators()[generator].spec, spec)
        return generate_dataset(generator, drawn, name, self._root)

    def ingest(self, dataset: str | None = None) -> "Arrivals":
        """Take the files of an inbox, ``inbox/DATASET`` in the store, into its dataset, each once.

        Parameters
        ----------
        dataset : str, optional
            Name of the dataset; by default every inbox of the store is swept.

        Returns
        -------
        dict
            ``added`` (number of series); ``sweeps``, the outcome of each inbox and file; and
            ``amiss``, what lies beside the inboxes.

        Examples
        --------
        >>> store.ingest("machines")["added"]
        0
        """
        from seqclass.pipeline.ingest import ingest

        return ingest(self._root, dataset)

    def label(
        self, model: str, answers: str | os.PathLike[str], by: str | None = None
    ) -> "Relabelled":
        """Take labels of people into a new version of a model's dataset.

        Parameters
        ----------
        model : str
            The model, ``name`` or ``name@v1``.
        answers : str or path
            File with the columns ``series_id`` and ``label`` (CSV or Parquet), or an export of
            Label Studio (.json).
        by : str, optional
            Who gave the labels, where the file does not say so; by default your account.

        Returns
        -------
        dict
            ``dataset`` (the new reference), and how many labels were ``changed``, ``confirmed`` and
            ``added``.

        Raises
        ------
        ValueError
            If the file can't be read, or names other series or classes; nothing is stored then.

        Examples
        --------
        >>> outcome = store.label("courses", "answers.csv", by="ann")
        >>> outcome["changed"], outcome["confirmed"]
        (1, 1)
        """
        from seqclass.labelling.relabelling import LabelsSpec
        from seqclass.pipeline.label import take_labels

        spec = LabelsSpec(os.fspath(answers), by)
        return take_labels(open_model(self._root, model), spec)

    def train(
        self, dataset: str, name: str | None = None, again: bool = False, **spec: Any
    ) -> "Trained":
        """Train seeds, evaluate and register them, as ``seqclass train`` does, to the same bits.

        Parameters
        ----------
        dataset : str
            The dataset, ``name`` (its newest version) or ``name@digest``.
        name : str, optional
            Name of the model; by default that of the dataset.
        again : bool
            Train also where a version of the model is this training: the same rows, spec, software
            and machine.
        **spec
            Fields of the training spec that differ from the defaults, such as ``seeds=3`` or
            ``budget_s=60``.

        Returns
        -------
        dict
            ``model`` (the version's reference), ``repeated`` (True if the version was there, and
            nothing was trained), ``verdict``, ``promoted``, ``decision`` (why) and
            ``refused`` (the gate's reason, or None).

        Raises
        ------
        ValueError
            If there is no such dataset, it has too few rows, or a field does not fit; nothing is
            stored then.

        Examples
        --------
        >>> trained = store.train("machines", seeds=1)
        >>> trained["model"], trained["verdict"]
        ('models/machines@v1', 'promoted')
        """
        from seqclass.pipeline.training import train
        from seqclass.store.validation import read_fields
        from seqclass.training.spec import TrainingSpec

        return train(self._root, dataset, name, read_fields(TrainingSpec, spec), again)

    def retrain(self, name: str) -> "Outcome":
        """Look at new rows, train a challenger if they ask for it, and promote it or say why not.

        Parameters
        ----------
        name : str
            Name of the model. Its policy says how it is retrained.

        Returns
        -------
        dict
            ``decision``, ``reasons``, ``model`` (the champion now) and ``challenger``.

        Raises
        ------
        ValueError
            If the model has no champion.

        Examples
        --------
        >>> store.retrain("machines")["decision"]
        'nothing new'
        """
        from seqclass.pipeline.training import retrain

        return retrain(self._root, name)

    def score(
        self,
        model: str,
        data: str | os.PathLike[str],
        out: str | os.PathLike[str] | None = None,
        labels: str | os.PathLike[str] | None = None,
    ) -> "Assessed":
        """Answer every series of a dataset or file, and store the answers.

        A version answers a file once; the same file again costs nothing.

        Parameters
        ----------
        model : str
            The model, ``name`` (its champion) or ``name@v2``.
        data : str or path
            A dataset, or a file or folder of series.
        out : str or path, optional
            File for the answers: .parquet, .csv or .jsonl.
        labels : str or path, optional
            File of labels that came later, with the columns ``series_id`` and ``label``.

        Returns
        -------
        dict
            Numbers of ``rows`` and of those ``unknown``, ``tables`` of answers (Parquet), and, for
            rows with labels, ``metrics``.

        Raises
        ------
        ValueError
            If there is no such model, or the rows can't be read.

        Examples
        --------
        >>> store.score("machines", "machines")["rows"]
        60
        """
        from seqclass.inference.score_data import ScoringSpec
        from seqclass.pipeline.score import score

        answers = None if out is None else os.fspath(out)
        later = None if labels is None else os.fspath(labels)
        return score(self._root, model, os.fspath(data), ScoringSpec(answers, later))

    def queue(
        self, model: str, out: str | os.PathLike[str], limit: int = 100, again: bool = False
    ) -> "Asked":
        """Write the rows that a person should label, least sure first.

        Parameters
        ----------
        model : str
            The model, ``name`` (its champion) or ``name@v2``.
        out : str or path
            File of questions: .csv, to fill in; .json, tasks of Label Studio.
        limit : int
            Most questions.
        again : bool
            Ask also what was asked and has no answer.

        Returns
        -------
        dict
            Number of ``questions``, ``reasons``, how many rows are ``left``, and the files
            ``written`` (none without a question).

        Raises
        ------
        ValueError
            If there is no such model, or the file is there or can't be written.

        Examples
        --------
        >>> store.queue("machines", "questions.csv")["questions"]  # all answers agree with labels
        0
        """
        from seqclass.pipeline.label import ask_people

        bad = Damages()
        return ask_people(open_model(self._root, model), os.fspath(out), limit, again, bad)

    def promote(self, version: str, reason: str, force: bool = False) -> "Move":
        """Make a version the champion if it passes the gate.

        Parameters
        ----------
        version : str
            The version, ``name@v2``.
        reason : str
            Why, for the audit.
        force : bool
            Overrule the gate and the policy's approval; the audit says so.

        Returns
        -------
        dict
            ``moved``, and ``refused`` (the reason of the gate, or None).

        Raises
        ------
        ValueError
            If there is no such version.

        Examples
        --------
        >>> store.promote("machines@v1", "it was checked by hand")["verdict"]
        'promoted'
        """
        from seqclass.pipeline.promote import promote_version

        return promote_version(self._root, version, reason, force)

    def rollback(self, name: str, reason: str) -> "Move":
        """Make the champion before the present one the champion again.

        Parameters
        ----------
        name : str
            Name of the model.
        reason : str
            Why, for the audit.

        Returns
        -------
        dict
            ``from`` and ``to``, the versions before and after.

        Raises
        ------
        ValueError
            If the model had no champion before.

        Examples
        --------
        >>> store.rollback("machines", "worse on new rows")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: MODEL: expected a model with a champion before v1, ...
        """
        from seqclass.pipeline.promote import roll_back

        return roll_back(self._root, name, reason)

    def compare(self, *versions: str) -> dict[str, Any]:
        """Compare versions with the first on the test rows that all of them answered.

        Parameters
        ----------
        *versions : str
            2 to 20 versions, ``name@v1``, or ``name`` for its champion.

        Returns
        -------
        dict
            ``standings`` (each version beside the first), ``rows`` by class, ``verdict`` and
            ``reasons`` (what ``promote`` would say of the last one), and ``page``.

        Raises
        ------
        ValueError
            If there is no such version, or they share no test rows.

        Examples
        --------
        >>> again = store.train("machines", again=True, seeds=1)
        >>> compared = store.compare("machines@v1", again["model"])
        >>> compared["standings"][1]["difference"]
        0.0
        """
        from dataclasses import asdict

        from seqclass.pipeline.side_by_side import put_side_by_side

        comparison, verdict, reasons, page = put_side_by_side(self._root, versions)
        return {**asdict(comparison), "verdict": verdict, "reasons": reasons, "page": page}

    def delete(self, ref: str, reason: str, all_versions: bool = False) -> list[str]:
        """Remove a version that nothing needs, or all of a name.

        Parameters
        ----------
        ref : str
            The version, ``name@v1`` or ``name@digest``; with ``all_versions`` the name.
        reason : str
            Why, for the audit.
        all_versions : bool
            Remove all versions, a champion too, and what belongs to them.

        Returns
        -------
        list of str
            References of what was removed.

        Raises
        ------
        ValueError
            If there is no such version or name, or others need it.

        Examples
        --------
        >>> store.delete("from-frame", "a trial", all_versions=True)  # doctest: +ELLIPSIS
        ['datasets/from-frame@...']
        """
        from seqclass.pipeline.by_hand import delete

        items = delete(self._root, ref, all_versions, reason).items
        return [item.ref for item in items if not item.why]

    def rename(self, name: str, new: str, reason: str) -> "Renamed":
        """Rename a model or dataset that nothing else refers to.

        Its versions, the champion and the policy get the new name; the old name's log stays.

        Parameters
        ----------
        name : str
            The model or dataset, ``models/name`` or ``datasets/name`` if both have the name.
        new : str
            Its new name, which nothing has or had.
        reason : str
            Why, for the audit.

        Returns
        -------
        dict
            ``from`` and ``to``, the names, and ``versions``.

        Raises
        ------
        ValueError
            If anything else refers to it, or the new name can't be taken.

        Examples
        --------
        >>> store.rename("drawn", "signals", "a better name")["to"]
        'datasets/signals'
        """
        from seqclass.pipeline.rename import rename

        return rename(self._root, name, new, reason)
