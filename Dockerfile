# The workers of edge-train, one image for both roles: docker build --tag edge-train-worker .
# It holds no configuration and no secret: docker-compose.yml mounts them, read-only.

# Debian with the Node that setup/node.mjs names: it runs the worker, and goes into the VMs' bundle.
ARG BASE=docker.io/library/node:24.21.0-bookworm-slim
# Of the version in setup/uv.mjs; it goes into the VMs' bundle too.
ARG UV=ghcr.io/astral-sh/uv:0.13.9

FROM ${UV} AS uv

FROM ${BASE} AS worker
WORKDIR /opt/edge-train
COPY package.json package-lock.json ./
# Temporal's core comes for five platforms, and many packages with types and source maps: neither is needed.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
      ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} + \
 && find node_modules -name '*.d.[cm]ts' -delete -o -name '*.d.ts' -delete -o -name '*.map' -delete
COPY domain domain/
COPY services services/
COPY activities activities/
COPY workflows workflows/
COPY workers workers/
COPY --from=uv /uv .tools/uv
# The workflows are bundled here, not at each start; modes do not depend on the umask of who built.
RUN mkdir -p .tools/node/bin && ln -s "$(command -v node)" .tools/node/bin/node \
 && node --input-type=module --eval "(await import('/opt/edge-train/workers/workflow-bundle.ts')).bundleWorkflows()" \
 && chmod -R a+rX,go-w package.json package-lock.json domain services activities workflows workers .tools

FROM ${BASE}
# uv asks a Python for its platform when it resolves the packages of a model's image. Any Python 3 will do.
RUN command -v python3 >/dev/null || { apt-get update \
 && apt-get install --yes --no-install-recommends python3 ca-certificates \
 && rm -rf /var/lib/apt/lists/*; }
RUN install -d -m 0700 -o 10001 -g 10001 /var/cache/edge-train
COPY --from=worker /opt/edge-train /opt/edge-train
WORKDIR /opt/edge-train
# Everything that is written goes to the cache, so the root file system may be read-only.
ENV NODE_ENV=production HOME=/var/cache/edge-train TMPDIR=/var/cache/edge-train
USER 10001:10001
ENTRYPOINT ["node", "workers/main.ts", "--config", "/etc/edge-train", "--cache", "/var/cache/edge-train"]
CMD ["--role", "cloud,site"]
