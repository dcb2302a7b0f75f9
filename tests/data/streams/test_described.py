import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.streams.described import SCENARIOS, open_stream
from regard.data.streams.part import Part
from regard.data.streams.scenarios import class_incremental

BASE = """
name = "letters"
seed = 4

[[tasks]]
name = "first"
scenario = "class-incremental"
train = "letters"
classes_per_task = 1
"""


@pytest.fixture
def folder(tmp_path):
    """Two letters of six pictures each, and two more, in folders beside the file."""
    for place, path in enumerate(("letters/a", "letters/b", "more/c", "more/a")):
        (tmp_path / path).mkdir(parents=True)
        for number in range(6):
            Image.fromarray(np.full((8, 8), 20 * number + 40 * place, np.uint8)).save(tmp_path / path / f"{number}.png")
    return tmp_path


def written(folder, text):
    file = folder / "stream.toml"
    file.write_text(text)
    return file


def test_a_file_says_what_a_function_does(folder):
    stream = open_stream(written(folder, BASE))
    made = class_incremental(Part(folder / "letters", name="first", seed=4), 1)
    assert (stream.name, stream.seed, len(stream)) == ("letters", 4, 2)
    assert [one["train"] for one in stream.told()["tasks"]] == [one["train"] for one in made.told()["tasks"]]
    assert all(np.array_equal(a.train.ids, b.train.ids) for a, b in zip(stream.tasks, made.tasks))
    assert open_stream(stream) is stream and open_stream(stream, 4) is stream
    other = open_stream(folder / "stream.toml", 5)
    assert other.seed == 5 and other.content_hash() != stream.content_hash()
    with pytest.raises(InputError, match="^seed: expected 4, by which this stream was cut"):
        open_stream(stream, 5)


def test_a_further_table_makes_it_longer_and_changes_nothing(folder):
    short = open_stream(written(folder, BASE))
    more = '\n[[tasks]]\nname = "second"\ntrain = "more"\nprefix = "more"\nchunk = 4\n'
    longer = open_stream(written(folder, BASE + more))
    assert [task.name for task in longer.tasks[:2]] == [task.name for task in short.tasks]
    assert [task.new for task in longer.tasks[:2]] == [task.new for task in short.tasks]
    assert longer.classes()[:2] == short.classes() and set(longer.classes()[2:]) == {"more/a", "more/c"}
    assert [len(task.train) for task in longer.tasks[2:]] == [4, 4, 2]

    same = open_stream(written(folder, BASE + more.replace("chunk = 4", "again = true")))
    assert same.tasks[2].classes == ("a", "c") and same.tasks[2].new == ("c",)
    assert str(same.tasks[2].train.ids[0]).startswith("more/")


def test_every_scenario_can_be_named(folder):
    extra = {
        "domain-incremental": 'sources = { one = "letters", two = { train = "more" } }\nclasses = ["a"]',
        "blurry": 'train = "letters"\nclasses_per_task = 1\nblur = 0.2',
        "class-incremental": 'train = "letters"\ngroups = [["b"], ["a"]]',
        "data-incremental": 'train = "letters"\nparts = 2',
        "online": 'train = "letters"\nchunk = 3',
    }
    for scenario in SCENARIOS:
        told = extra.get(scenario, 'train = "letters"')
        stream = open_stream(written(folder, f'[[tasks]]\nname = "x"\nscenario = "{scenario}"\n{told}\n'))
        assert stream.name == "stream" and len(stream) >= 1, scenario
        assert (len(stream) == 1) == (scenario == "single")


def test_a_corrupted_folder_starts_at_the_file_too(folder):
    text = '[[tasks]]\nname = "x"\ntrain = "corrupted:fog:3:letters"\n'
    assert len(open_stream(written(folder, text)).tasks[0].train) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "stream.toml: expected a TOML file, got what is none"),
        ("sed = 1\n" + BASE, "stream.toml: sed: expected a key of a stream, got .* Did you mean 'seed'"),
        (BASE.replace("seed = 4", 'seed = "4"'), "stream.toml: seed: expected a whole number of at least 0, got '4'"),
        (BASE.replace('"letters"\nseed', "3\nseed"), "stream.toml: name: expected text, got 3"),
        ('name = "x"', r"stream.toml: tasks: expected at least one table \[\[tasks\]\], got none"),
        (BASE + "class_per_task = 2", "tasks 1: class_per_task: expected a key of the scenario class-incremental, .* "
         "Did you mean 'classes_per_task'"),
        (BASE + "parts = 2", "tasks 1: parts: expected a key of the scenario class-incremental"),
        (BASE.replace("class-incremental", "class-incr"), "tasks 1: scenario: .* Did you mean 'class-incremental'"),
        (BASE.replace('name = "first"\n', ""), "tasks 1: name: expected a name, by which its tasks are called"),
        (BASE.replace('train = "letters"\n', ""), "tasks 1: train: expected images to learn from, got nothing"),
        (BASE.replace('train = "letters"', 'train = "leters"'), "tasks 1: train: .*Did you mean .*letters"),
        (BASE + 'classes = ["A"]', "tasks 1: classes: expected one of a, b, got 'A'. Did you mean 'a'"),
        (BASE + "[[tasks]]\nname = 'second'\ntrain = 'more'\n", "stream.toml: task 'second': .* these tasks a prefix"),
        (BASE + "[[tasks]]\nname = 'c'\ntrain = 'builtin:digits'\n[[tasks]]\nname='d'\ntrain='builtin:rendered_digits'",
         "stream.toml: task 'd': .* got '0', '1', '2' and 7 more, which 'c' has already. Say again = true"),
        (BASE + "[[tasks]]\nname = 'first'\ntrain = 'more'\nagain = true\nchunk=0", "tasks 2: chunk: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_place(folder, text, message):
    with pytest.raises(InputError, match=message):
        open_stream(written(folder, text))


def test_names_that_are_no_stream(tmp_path):
    with pytest.raises(InputError, match="^STREAM: expected a .toml file .* builtin:digits_5x2, builtin:mixed"):
        open_stream("pictures")
    with pytest.raises(InputError, match="which does not exist"):
        open_stream(tmp_path / "no.toml")
    with pytest.raises(InputError, match="Did you mean 'mixed'"):
        open_stream("builtin:mixd")
    assert open_stream("builtin:digits_5x2", 3).seed == 3
