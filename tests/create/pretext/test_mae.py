import math

import numpy as np
import pytest
import timm
import torch

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.runtime import seeded_init, torch_rng
from regard.create.pretext.mae import Method, encoded, image_of, normalised_patches, patches_of, places
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.loop import training
from regard.learning.module import LearningModule
from regard.learning.objective import Split
from regard.learning.sampling import Shuffled
from regard.learning.settings import TrainSettings
from regard.learning.trainable import Moment
from regard.representation.representation import Representation


def images(n: int = 6, side: int = 64, held_out: bool = False) -> Batch:
    return Batch(torch.rand(n, 3, side, side, generator=torch_rng(0)), torch.arange(n), None, held_out)


def test_patches_are_cut_in_rows_and_put_back() -> None:
    x = images(2).images
    cut = patches_of(x, 16)
    assert cut.shape == (2, 16, 3 * 256)
    for row in range(4):
        for column in range(4):
            piece = x[1, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            assert torch.equal(cut[1, 4 * row + column], piece.flatten())
    assert torch.equal(image_of(cut, 16, 4), x)
    wide = torch.rand(1, 3, 32, 50, generator=torch_rng(1))
    assert torch.equal(image_of(patches_of(wide, 16), 16, 3), wide[..., :48])


def test_normalised_patches_have_mean_0_and_deviation_1_and_flat_ones_are_0() -> None:
    p = patches_of(images(1).images, 16)
    slow = np.array([(v - v.mean()) / math.sqrt(v.var(ddof=1) + 1e-6) for v in p[0].double().numpy()])
    assert np.allclose(normalised_patches(p)[0].numpy(), slow, atol=1e-5)
    assert normalised_patches(torch.full((1, 2, 12), 0.3)).abs().max() < 1e-4


def test_places_are_sines_and_cosines_of_row_and_column() -> None:
    found = places(3, 5, 8)
    for row in range(3):
        for column in range(5):
            slow = []
            for place in (row, column):
                angles = [place / 10_000 ** (i / 2) for i in range(2)]
                slow += [*map(math.sin, angles), *map(math.cos, angles)]
            assert torch.allclose(found[5 * row + column], torch.tensor(slow), atol=1e-6)
    assert len(torch.unique(found, dim=0)) == 15


@pytest.mark.parametrize(
    ("name", "side", "prefix"),
    [
        ("test_vit", 64, 1),
        ("test_vit2", 80, 1),
        ("deit_tiny_distilled_patch16_224", 64, 2),
        ("vit_base_patch16_clip_quickgelu_224", 64, 1),
        ("vit_little_patch16_reg4_gap_256", 64, 0),
    ],
)
def test_the_networks_places_are_sines_and_cosines_and_never_learned(name: str, side: int, prefix: int) -> None:
    encoder = make_encoder(f"timm:{name}", size=side)
    own, across = encoder.network.pos_embed, side // 16
    Method().admits(encoder)
    method = Method(recipe="none")
    game = LearningModule(method, encoder, method.head(encoder))
    width = own.shape[2]
    found = encoder.network.pos_embed[0]
    assert len(found) == prefix + across**2 and not found[:prefix].any()
    for row in range(across):
        for column in range(across):
            slow = []
            for place in (row, column):
                angles = [place / 10_000 ** (4 * i / width) for i in range(width // 4)]
                slow += [*map(math.sin, angles), *map(math.cos, angles)]
            assert torch.allclose(found[prefix + row * across + column], torch.tensor(slow), atol=1e-5)
    fixed = {id(encoder.network.pos_embed)}
    assert not fixed & {id(p) for player in game.players() for p in player.parameters}
    assert not encoder.network.pos_embed.requires_grad and "places" in dict(game.head.named_buffers())
    assert not any(name == "places" for name, _ in game.head.named_parameters())


@pytest.mark.parametrize("task", ["mae", "multitask"])
def test_a_run_keeps_the_places_and_timm_loads_them(task: str, tmp_path) -> None:
    settings = TrainSettings(steps=3, batch=8, precision="fp32", weight_decay=0.5)
    method = {"tasks": "mae,rotation"} if task == "multitask" else {}
    some = builtin("digits").without_labels().subset(np.arange(40))
    train(some, task, out=tmp_path / "run", backbone="timm:test_vit", size=64, settings=settings, method=method)
    network = timm.create_model(f"local-dir:{tmp_path / 'run'}", pretrained=True, num_classes=0)
    expected = torch.cat([torch.zeros(1, 64), places(4, 4, 64)])
    assert torch.equal(network.pos_embed[0], expected)
    with torch.no_grad():
        x = images(2).images
        again = Representation.load(tmp_path / "run").encoder.eval()
        normal = torch.nn.functional.normalize
        ours, theirs = again(x), network.eval()(again.normalise(x))
        assert float((normal(ours) * normal(theirs)).sum(1).min()) > 0.9999


@pytest.mark.parametrize("name", ["test_vit", "test_vit2", "vit_tiny_patch16_224", "deit_tiny_patch16_224"])
def test_seeing_all_patches_is_the_networks_own_forward_pass(name: str) -> None:
    encoder = make_encoder(f"timm:{name}", size=64).eval()
    Method().admits(encoder)
    x, everything = images(2).images, torch.arange(16).expand(2, -1)
    with torch.no_grad():
        network = encoder.network
        own = network.fc_norm(network.forward_features(encoder.normalise(x)))
        assert torch.allclose(encoded(encoder, x, everything), own, atol=1e-4)


def test_nothing_of_a_hidden_patch_reaches_the_tokens_or_the_painting() -> None:
    encoder, method = make_encoder("timm:test_vit", size=64).eval(), Method(recipe="none")
    head = method.head(encoder).eval()
    x, (order, answer) = method.prepare(images(), torch_rng(1))
    assert torch.equal(order.sort(1).values, torch.arange(16).expand(6, -1)) and len({*map(tuple, order.tolist())}) > 1
    patches = patches_of(x, 16)
    changed = patches.scatter(1, order[:, 4:, None].expand(-1, -1, 768), 0.7)
    with torch.no_grad():
        before, true = method.painted(encoder, head, x, (order, answer))
        after, _ = method.painted(encoder, head, image_of(changed, 16, 4), (order, answer))
        other, _ = method.painted(encoder, head, 1 - x, (order, answer))
    assert torch.equal(before, after) and not torch.allclose(before, other)
    assert before.shape == true.shape == (6, 12, 768)
    for i in range(6):
        for k, place in enumerate(order[i, 4:].tolist()):
            assert torch.allclose(true[i, k], normalised_patches(patches[i : i + 1, place : place + 1])[0, 0])


def test_the_loss_counts_the_hidden_patches_alone() -> None:
    encoder, method = make_encoder("timm:test_vit", size=64).eval(), Method(recipe="none", normalise=False)
    head = method.head(encoder).eval()
    x, targets = method.prepare(images(), torch_rng(1))
    with torch.no_grad():
        values, true = method.painted(encoder, head, x, targets)
        loss, _ = method.loss(encoder, head, x, targets)
    assert float(loss) == pytest.approx(np.mean((values.numpy() - true.numpy()) ** 2), rel=1e-5)
    assert true.min() >= 0 and true.max() <= 1


def test_three_quarters_are_hidden_and_something_is_always_seen_and_hidden() -> None:
    assert [Method().seen(total) for total in (196, 16, 4, 2)] == [49, 4, 1, 1]
    assert Method(hidden=0.05).seen(4) == 3 and Method(hidden=0.95).seen(4) == 1


def test_held_out_images_are_hidden_alike_and_matched_and_the_control_deals_the_answers() -> None:
    method = Method(recipe="none", candidates=3)
    x, (order, answer) = method.prepare(images(held_out=True), torch_rng(1))
    assert torch.equal(x, images().images) and (order == order[0]).all()
    _, (same, dealt) = method.shuffled(x, (order, answer), torch_rng(2))
    assert torch.equal(same, order) and not torch.equal(dealt, answer)
    assert torch.equal(dealt.flatten(1).sum(1).sort().values, answer.flatten(1).sum(1).sort().values)
    few = ImageSet([np.zeros((8, 8), np.uint8)] * 3, np.array(list("abc")))
    assert Method().configure(Split(few, few, True)).candidates == 3


def test_a_backbone_that_cannot_leave_patches_out_is_refused() -> None:
    with pytest.raises(InputError, match="--backbone: expected a plain vision transformer.*vit_tiny"):
        Method().admits(make_encoder("convnet4", size=32))
    with pytest.raises(InputError, match="--backbone"):
        Method().admits(make_encoder("timm:test_vit3", size=64))
    with pytest.raises(InputError, match="--set patch: expected 16.*Set patch=16"):
        Method(patch=8).admits(make_encoder("timm:test_vit", size=64))
    with pytest.raises(InputError, match="--size: expected at least two patches"):
        Method().admits(make_encoder("timm:test_vit", size=16))


def test_the_preview_hides_and_paints() -> None:
    encoder, method = make_encoder("timm:test_vit", size=64).eval(), Method(recipe="none")
    head = method.head(encoder).eval()
    x = images(2).images
    shown = method.preview(x, torch_rng(0))
    assert [name for name, _ in shown] == ["image", "seen"] * 2
    with torch.no_grad():
        answered = method.preview(x, torch_rng(0), encoder, head)
    assert [name for name, _ in answered] == ["image", "seen", "painted"] * 2
    image, seen, painted = (pixels for _, pixels in answered[:3])
    kept = (image == seen).all(2)
    assert 0.24 < kept.mean() < 0.28 and (painted == image)[kept].all() and not (painted == image).all()


def test_a_few_digits_are_learned_by_heart_and_painted_better_than_their_means() -> None:
    """What hidden patches are without their means and deviations costs 1 where nothing is painted: here 0.54 to 0.61
    is left over seeds and instruction sets."""
    digits = torch.stack([torch.from_numpy(pixels).float() / 255 for pixels in builtin("digits").items[:8]])
    x = torch.nn.functional.interpolate(digits[:, None].expand(-1, 3, -1, -1), size=(64, 64), mode="bilinear")
    encoder, method = make_encoder("timm:test_vit", size=64), Method(recipe="none", hidden=0.5)
    with seeded_init(0):
        game = LearningModule(method, encoder, method.head(encoder))
    settings = TrainSettings(steps=150, batch=8, precision="fp32", device="cpu")

    def left() -> float:
        with torch.no_grad():
            return float(game(Moment(player="all"), Batch(x, torch.arange(8), held_out=True), torch_rng(0))[0])

    before = left()
    batches = Shuffled(lambda rows: Batch(x[rows], torch.from_numpy(rows)), 8, settings.batch, 0)
    assert (
        list(
            training(
                game,
                batches,
                settings,
            )
        )[-1].step
        == 150
    )
    assert left() < 0.8 < 1 < before


@pytest.mark.parametrize("wrong", [{"hidden": 1.0}, {"patch": 1}, {"width": 40}, {"depth": 0}, {"candidates": 1}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
