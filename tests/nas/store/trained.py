"""What tests say of supernets."""

from nas.store.supernet_store import SupernetKey

DIGEST = "d" * 64
KEY = SupernetKey(space_digest="a" * 64, dataset_digest="b" * 64, recipe="progressive", seed=0)
