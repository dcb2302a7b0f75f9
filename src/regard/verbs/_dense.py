"""What `regard.detect`, `instances`, `segment` and `depth` are: train, predict and evaluate for one dense task."""

from dataclasses import dataclass

from ._dense_evaluate import evaluate
from ._dense_predict import predict
from ._dense_task import Task
from ._dense_train import train


@dataclass(frozen=True)
class DenseVerbs(Task):
    """The three functions of a task, as `regard.detect.train` and so on."""

    train = train
    predict = predict
    evaluate = evaluate
