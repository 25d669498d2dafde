# Everything that runs hwnas: its command, workers, the nodes of a Ray cluster. No data are in it.
FROM python:3.12-slim

# Builds of torch for processors. Give it empty where networks are trained on NVIDIA cards.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# Folders that volumes are laid over: they take the owner from here.
RUN useradd --uid 1000 --create-home hwnas \
 && install --directory --owner=hwnas --group=hwnas /var/lib/hwnas /tmp/hwnas-leases-1000

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE hwnas.py ./
COPY search_spaces search_spaces
COPY latency_predictors latency_predictors
COPY nas nas
COPY workers workers
COPY api api
# What api/errors.md stands for.
COPY docs/reference/errors.md docs/reference/errors.md
RUN pip install --no-cache-dir --extra-index-url="$TORCH_INDEX" --constraint=constraints.txt ".[server,postgres,s3]"

USER hwnas
ENV HWNAS_HOME=/var/lib/hwnas
CMD ["hwnas", "worker"]
