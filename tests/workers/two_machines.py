"""A cluster of two machines that are one: python -m tests.workers.two_machines FOLDER.

Says the address of its head, then does what its input says: `add` a machine with one processor, `lose` it.
"""

import sys
from typing import Any

from ray.cluster_utils import Cluster


def main() -> None:
    """Serve until the input ends."""
    cluster: Any = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "temp_dir": sys.argv[1]},
    )
    print(cluster.address, flush=True)
    machine = None
    for line in sys.stdin:
        if line == "add\n":
            machine = cluster.add_node(num_cpus=1)
        else:
            cluster.remove_node(machine, allow_graceful=False)
        print(line, end="", flush=True)


if __name__ == "__main__":
    main()
