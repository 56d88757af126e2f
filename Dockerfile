# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t loopstall --build-arg REVISION="$(git rev-parse HEAD)" .
#
# The image runs as root, because a container runtime gives capabilities only to root's processes.
# It needs none but BPF, PERFMON, SYS_PTRACE and DAC_READ_SEARCH, and writes nothing to its root file
# system: docs/kubernetes.md, and helm/loopstall for all of it in one place.
#
#   docker run --rm --pid=host --read-only --cap-drop=ALL \
#     --cap-add=BPF --cap-add=PERFMON --cap-add=SYS_PTRACE --cap-add=DAC_READ_SEARCH \
#     --security-opt=no-new-privileges --security-opt=apparmor=unconfined \
#     -v /sys/kernel/tracing:/sys/kernel/tracing:ro -p 9877:9877 loopstall

FROM debian:12 AS build
WORKDIR /src
# Apart from the sources, so that a change of them does not install everything again.
COPY scripts/setup scripts/setup
RUN scripts/setup --build-only
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY bpf bpf
COPY web web
COPY agent agent
ARG REVISION=""
RUN cmake --preset release -DLOOPSTALL_BUILD_TESTS=OFF -DLOOPSTALL_REVISION="$REVISION" \
 && cmake --build --preset release --target loopstall \
 && strip build/release/loopstall

FROM debian:12-slim
# What the binary is linked to; a test compares this list with it.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libbpf1 libcap-ng0 libmicrohttpd12 libncursesw6 libtinfo6 libfmt9 \
      libspdlog1.10 libstdc++6 libyaml-cpp0.7 zlib1g \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
COPY --from=build /src/build/release/loopstall /usr/bin/loopstall
ARG REVISION=""
LABEL org.opencontainers.image.title="loopstall" \
      org.opencontainers.image.description="Finds what blocks the event loops of a node's services, measured from outside with eBPF." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)" \
      org.opencontainers.image.base.name="docker.io/library/debian:12-slim"
EXPOSE 9877
ENTRYPOINT ["/usr/bin/loopstall"]
CMD ["agent"]
