"""What a function needs beside ModelMon: how it is written down, and that it is there once it is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelmon import __version__
from modelmon.errors import ConfigError
from modelmon.function_spec.requirements import check_requirements, read_requirements
from modelmon.project import Project
from project_support import APP, MODEL, again, make, write

pytestmark = pytest.mark.slow  # starts processes


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


def deployed_lines(project: Project, name: str) -> list[str] | None:
    file = project.context / ".modelmon" / "functions" / name / "requirements.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else None


def deploy_serving(project: Project, func: str | Path = "model.py", **arguments: object) -> list[str] | None:
    serving = project.set_function(func, name="serving", **arguments)
    serving.add_model("sum", class_name="Free")
    project.deploy_function("serving")
    return deployed_lines(project, "serving")


def deploy_app(project: Project, func: str | Path = "rows_app.py", **arguments: object) -> list[str] | None:
    project.set_model_monitoring_function("rows", func, **arguments)
    project.deploy_function("rows")
    return deployed_lines(project, "rows")


def test_a_file_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    write(tmp_path / "more" / "base.txt", "numpy>=1.26 ; python_version >= '3.11'\n-r ../requirements.txt\n")
    file = write(
        tmp_path / "requirements.txt",
        """
        # what the model was trained with
        scikit-learn==1.9.1 # pinned
        river == 0.21.0 \\
            --hash=sha256:00 \\
            --hash=sha256:11
        -r more/base.txt
        --find-links wheels
        --index-url=https://${TOKEN}@example.com/simple
        ModelMon[local]
        evidently[llm] @ https://example.com/evidently-1-py3-none-any.whl#sha256=0
        thing @ git+https://git@example.com/thing""",
    )
    assert read_requirements(file) == (
        "scikit-learn==1.9.1",
        "river == 0.21.0      --hash=sha256:00      --hash=sha256:11",
        "numpy>=1.26 ; python_version >= '3.11'",
        f"--find-links {tmp_path / 'wheels'}",
        "--index-url https://${TOKEN}@example.com/simple",
        "evidently[llm] @ https://example.com/evidently-1-py3-none-any.whl#sha256=0",
        "thing @ git+https://git@example.com/thing",
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("river=0.21", "'river=0.21' is no requirement: .*write for example 'river==0.21.0'"),
        ("river 0.21", "'river 0.21' is no requirement"),
        ("numpy scipy", "'numpy scipy' is no requirement"),
        ("./wheels/mine", "'./wheels/mine' is a path of this machine"),
        ("mine-1-py3-none-any.whl", "'mine-1-py3-none-any.whl' is a path of this machine"),
        ("-e .", "the option --editable is not taken here; there are -r, --index-url"),
        ("-c constraints.txt", "the option --constraint is not taken here"),
        ("--trusted-host example.com", "the option --trusted-host is not taken here"),
        ("--index-url", "--index-url needs a value"),
        ("-r nowhere.txt", "-r names 'nowhere.txt', and there is no file"),
        ("modelmon==99", f"'modelmon==99' asks for another ModelMon than {__version__}, which deploys"),
        ("ModelMon[local]>99", r"'ModelMon\[local\]>99' asks for another ModelMon"),
        ("modelmon @ https://example.com/a.whl", "'modelmon @ https://example.com/a.whl' asks for another"),
        (
            "https://example.com/a.whl",
            "an address needs the package's name before it, 'NAME @ https://example.com/a.whl'",
        ),
    ],
)
def test_a_line_that_is_no_requirement_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^requirements: {said}"):
        check_requirements([line], tmp_path)
    file = write(tmp_path / "requirements.txt", f"numpy\n{line}\n")
    with pytest.raises(ConfigError, match=f"requirements.txt, line 2: {said}"):
        read_requirements(file)


@pytest.mark.parametrize(
    "line", [f"modelmon=={__version__}", "modelmon[local]>=0.1", "modelmon==99; python_version < '3'"]
)
def test_the_modelmon_that_is_here_may_be_named(tmp_path: Path, line: str) -> None:
    assert check_requirements(["scipy", line], tmp_path) == ("scipy",)


def test_an_entry_of_a_list_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^requirements: 'numpy\\nrm' is more than one line; give a list"):
        check_requirements(["numpy\nrm"], tmp_path)
    assert check_requirements(["numpy\n", "\n", "# why\nscipy"], tmp_path) == ("numpy", "scipy")


@pytest.mark.parametrize(
    "line", ["a @ https://ann:secret@example.com/a.whl", "-i https://secret@example.com"]
)
def test_a_password_stands_in_no_folder_and_no_message(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="an address with a user or password") as raised:
        check_requirements([line], tmp_path)
    assert "secret" not in str(raised.value)


def test_a_file_in_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("# für\nnumpy".encode("utf-16"))
    with pytest.raises(ConfigError, match=r"requirements.txt: must be text in UTF-8"):
        read_requirements(tmp_path / "requirements.txt")


@pytest.mark.parametrize("deploy", [deploy_serving, deploy_app])
def test_what_was_given_is_in_the_deployed_folder(project: Project, deploy) -> None:
    write(project.context / "needs.txt", "rich\n")
    assert deploy(project) is None
    assert deploy(project, requirements="scipy>=1.12") == ["scipy>=1.12"]
    assert deploy(project, requirements=["scipy", "joblib"]) == ["scipy", "joblib"]
    assert deploy(project, requirements_file="needs.txt") == ["rich"]
    assert deploy(project, requirements="needs.txt") == ["rich"]
    assert deploy(project, requirements=["scipy"], requirements_file="needs.txt") == ["scipy", "rich"]
    assert deploy(project) is None


@pytest.mark.parametrize("deploy", [deploy_serving, deploy_app])
def test_a_file_beside_the_code_counts_unless_something_was_given(project: Project, deploy) -> None:
    write(project.context / "requirements.txt", "joblib  # for the model\n")
    assert deploy(project) == ["joblib"]
    assert deploy(project, requirements=["scipy"]) == ["scipy"]
    assert deploy(project, requirements=[]) is None


@pytest.mark.parametrize("deploy", [deploy_serving, deploy_app])
def test_a_file_beside_the_code_that_is_wrong_says_how_to_go_on(project: Project, deploy) -> None:
    write(project.context / "requirements.txt", "-e .\n")
    with pytest.raises(ConfigError, match=r"requirements.txt, line 1: .*requirements=\[\] deploys without"):
        deploy(project)
    assert deploy(project, requirements=[]) is None


@pytest.mark.parametrize("deploy", [deploy_serving, deploy_app])
def test_wrong_arguments_are_refused_at_once(project: Project, deploy) -> None:
    with pytest.raises(ConfigError, match="requirements: 'a b' is no requirement"):
        deploy(project, requirements=["a b"])
    with pytest.raises(ConfigError, match="requirements: must be a list of texts like"):
        deploy(project, requirements=[1])
    with pytest.raises(ConfigError, match=r"requirements_file: 'nowhere.txt' does not exist"):
        deploy(project, requirements_file="nowhere.txt")


def test_a_folder_of_code_brings_its_own_file(project: Project) -> None:
    write(project.context / "code" / "model.py", MODEL)
    write(project.context / "code" / "requirements.txt", "-r more.txt")
    write(project.context / "code" / "more.txt", "joblib")
    assert deploy_serving(project, "code") == ["joblib"]
    write(project.context / "apps" / "app.py", APP)
    write(project.context / "apps" / "requirements.txt", "scipy")
    assert deploy_app(project, "apps") == ["scipy"]


def test_functions_remember_what_they_need(project: Project) -> None:
    serving = project.set_function("model.py", name="serving", requirements=["joblib"])
    serving.add_model("sum", class_name="Free")
    again(project).get_function("serving").with_requirements(["scipy"]).deploy()
    assert deployed_lines(project, "serving") == ["joblib", "scipy"]
    again(project).get_function("serving").with_requirements(["rich"], overwrite=True).deploy()
    assert deployed_lines(project, "serving") == ["rich"]
    app = project.set_model_monitoring_function("rows", "rows_app.py", requirements=["joblib"])
    app.with_requirements("scipy").deploy()
    again(project).deploy_function("rows")
    assert deployed_lines(project, "rows") == ["joblib", "scipy"]


def test_a_function_folder_of_the_projects_own_keeps_its_file(project: Project) -> None:
    from modelmon.function_spec.folders import template

    write(
        project.context / "functions" / "writer" / "requirements.txt",
        "sqlalchemy ; python_version >= '3.11'\njoblib",
    )
    for name in ("function.yaml", "main.py"):
        (project.context / "functions" / "writer" / name).write_bytes(
            (template("writer") / name).read_bytes()
        )
    project.enable_model_monitoring()
    assert deployed_lines(project, "modelmon-writer") == ["sqlalchemy ; python_version >= '3.11'", "joblib"]
    assert deployed_lines(project, "modelmon-stream") is None
