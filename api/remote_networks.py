"""What commands on single networks do with `--server`; see `remote`."""

from api.client import Client
from api.remote import client_of, find_search, fronts_of, watched
from api.resources.subnets import SubnetResource
from api.subnets import DrawnSubnet
from nas.report.tuned import TunedNetwork
from nas.store.network_names import by_name, no_subnet
from nas.store.subnets import subnet_id
from search_spaces.errors import UsageError


def subnets_show(server: str, subnet: str, target: int | None) -> DrawnSubnet:
    """Return one network of a service, as a target (counted from 1) has verified it.

    Raises:
        UsageError: `unknown_subnet`, `ambiguous_search`, `ambiguous_network`, `unknown_target` or
            `search_not_finished`.
    """
    with client_of(server) as client:
        return DrawnSubnet.of(_named(client, subnet, target))


def finetune(server: str, subnet: str, epochs: int, target: int | None) -> TunedNetwork:
    """Have a service train a network on, for a target (counted from 1); watch it to its end.

    Raises:
        UsageError: As `subnets_show`; `not_a_subnet`.
        HwnasError: What ended the job, if not success; `interrupted` on Ctrl-C.
    """
    with client_of(server) as client:
        meant = _named(client, subnet, target).id
        job = watched(client, client.job(client.finetune(meant, epochs, target=target).id))
        made = subnet_id(job.id, job.name)
        return TunedNetwork(subnet=made, network=client.subnet(made).network)


def _named(client: Client, words: str, target: int | None) -> SubnetResource:
    """Return the network that is meant: its identifier, or `SEARCH.NETWORK` as `hwnas export` takes it."""
    try:
        return client.subnet(words, target)
    except UsageError as error:
        if error.code != "unknown_subnet":
            raise
    search, _, name = words.rpartition(".")
    try:
        if not (search and name):
            raise UsageError("unknown_network", "a service looks for a name in the search that you name")
        job = find_search(client, search)
        fronts = [client.front(job.id, target)] if target else fronts_of(client, job)
        known = ((job.id, network, subnet) for front in fronts for network, subnet in front.subnets.items())
        return client.subnet(by_name(known, name, f"search {search}"), target)
    except UsageError as error:
        raise no_subnet(words, error) from error
