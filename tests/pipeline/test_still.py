"""Crops worn one by one as in a call: after looks at mirrored swaps, and never refused."""

import numpy as np

from vcam.catalogue import built_in_faces, find_models_folder
from vcam.imaging import from_blob, to_blob
from vcam.inference import open_session
from vcam.pipeline.enrol import built_in_source
from vcam.pipeline.still import wear_crops


def test_crops_are_worn_after_a_look_and_a_flat_one_is_not_refused():
    models, faces = find_models_folder(), [built_in_source(face) for face in built_in_faces()[:2]]
    source, wearer = faces
    target = np.ascontiguousarray(wearer.image[:, :, ::-1])
    target = target[:: target.shape[0] // 256, :: target.shape[1] // 256][:256, :256]
    targets = np.stack([target, np.full_like(target, 90)])
    identities, wearers = (np.stack([face.embedding] * 2) for face in (source, wearer))
    worn = wear_crops(models, models)(targets, identities, wearers)
    assert worn.shape == targets.shape
    assert worn.dtype == np.uint8
    identity, generator = (open_session(models / f"{name}.onnx", 1, ()) for name in ("identity", "generator"))
    style = identity.run(embedding=identities[:1])["style"] - identity.run(embedding=wearers[:1])["away"]
    found = generator.run(target=to_blob(np.ascontiguousarray(target[:, :, ::-1])), style=style)
    unaided = from_blob(found["swap"])[:, :, ::-1].astype(int)
    inside = found["mask"][0, 0] > 0.9
    assert 0.5 < np.abs(worn[0].astype(int) - unaided)[inside].mean() < 20  # the same person, another strength
    assert np.abs(worn[0].astype(int) - target)[inside].mean() > 3
