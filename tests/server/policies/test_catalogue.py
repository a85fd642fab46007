from compliance.server.policies.catalogue import read_folder
from tests.server.policies.test_reading import HEAD, RULE


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_is_read_with_what_is_below_it(tmp_path):
    write(tmp_path, "b/two.yml", HEAD.replace("no-nc", "two") + RULE)
    write(tmp_path, "a.yaml", HEAD + RULE)
    write(tmp_path, "notes.txt", "not ours")
    write(tmp_path, ".git/x.yaml", "- not ours")
    found = read_folder(tmp_path)
    assert ([one.policy.id for one in found.loaded], found.problems) == (["no-nc", "two"], ())


def test_an_id_that_is_taken_is_refused_wherever_it_stands(tmp_path):
    first = write(tmp_path, "a.yaml", HEAD + RULE)
    second = write(tmp_path, "b.yaml", "\n\n" + HEAD + RULE)
    found = read_folder(tmp_path)
    assert [one.file for one in found.loaded] == [str(first)]
    assert [str(one) for one in found.problems] == [f"{second}:3: the id `no-nc` is taken: {first}:1 has it"]


def test_the_mistakes_of_all_files_are_told_in_order(tmp_path):
    write(tmp_path, "b.yaml", "- x")
    write(tmp_path, "a.yaml", HEAD + RULE + "---\n" + HEAD)
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe")
    told = [(one.file.rpartition("/")[2], one.line, one.message) for one in read_folder(tmp_path).problems]
    assert told == [
        ("a.yaml", 8, "the field `rule` is missing"),
        ("b.yaml", 1, "a policy begins with its fields: `id: ...`"),
        ("c.yaml", 1, "it is not UTF-8 text"),
    ]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    (problem,) = read_folder(tmp_path / "nowhere").problems
    assert problem.message == "there is no such folder"
