"""What commands on single networks do with `--server`; see `remote`."""

from api.remote import client_of, watched
from api.subnets import DrawnSubnet
from nas.report.tuned import TunedNetwork
from nas.store.subnets import subnet_id


def subnets_show(server: str, subnet: str, target: int | None) -> DrawnSubnet:
    """Return one network of a service, as a target (counted from 1) has verified it.

    Raises:
        UsageError: `unknown_subnet`, `unknown_target` or `search_not_finished`.
    """
    with client_of(server) as client:
        return DrawnSubnet.of(client.subnet(subnet, target))


def finetune(server: str, subnet: str, epochs: int, target: int | None) -> TunedNetwork:
    """Have a service train a network on, for a target (counted from 1); watch it to its end.

    Raises:
        UsageError: `unknown_subnet`, `unknown_target`, `search_not_finished` or `not_a_subnet`.
        HwnasError: What ended the job, if not success; `interrupted` on Ctrl-C.
    """
    with client_of(server) as client:
        job = watched(client, client.job(client.finetune(subnet, epochs, target=target).id))
        made = subnet_id(job.id, job.name)
        return TunedNetwork(subnet=made, network=client.subnet(made).network)
