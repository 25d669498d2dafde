"""What commands on single networks do with `--server`; see `remote`."""

from api.remote import client_of, watched
from api.subnets import DrawnSubnet
from nas.report.tuned import TunedNetwork
from nas.store.subnets import subnet_id


def subnets_show(server: str, subnet: str) -> DrawnSubnet:
    """Return one network of a service.

    Raises:
        UsageError: `unknown_subnet` or `search_not_finished`.
    """
    with client_of(server) as client:
        return DrawnSubnet.of(client.subnet(subnet))


def finetune(server: str, subnet: str, epochs: int) -> TunedNetwork:
    """Have a service train a network on; watch it to its end.

    Raises:
        UsageError: `unknown_subnet`, `search_not_finished` or `not_a_subnet`.
        HwnasError: What ended the job, if not success; `interrupted` on Ctrl-C.
    """
    with client_of(server) as client:
        job = watched(client, client.job(client.finetune(subnet, epochs).id))
        made = subnet_id(job.id, job.name)
        return TunedNetwork(subnet=made, network=client.subnet(made).network)
