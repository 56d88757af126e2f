# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t loopstall --build-arg REVISION="$(git rev-parse HEAD)" .
#   buildah build -t loopstall .
#
# BASE_IMAGE is what it is built on, such as a mirror's debian:12; builders that know platforms take the
# variant of it for theirs. The agent itself runs on x86-64.
#
# The image runs as root, because a container runtime gives capabilities only to root's processes.
# It needs none but BPF, PERFMON, SYS_PTRACE and DAC_READ_SEARCH, and writes nothing to its root file
# system: docs/kubernetes.md, and helm/loopstall for all of it in one place.
#
#   docker run --rm --pid=host --read-only --cap-drop=ALL \
#     --cap-add=BPF --cap-add=PERFMON --cap-add=SYS_PTRACE --cap-add=DAC_READ_SEARCH \
#     --security-opt=no-new-privileges --security-opt=apparmor=unconfined \
#     -v /sys/kernel/tracing:/sys/kernel/tracing:ro -p 9877:9877 loopstall

ARG BASE_IMAGE=docker.io/library/debian:12
FROM ${BASE_IMAGE} AS build
WORKDIR /src
# Apart from the sources, so that a change of them does not install everything again.
COPY scripts/setup scripts/image-root scripts/
RUN scripts/setup --build-only
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY bpf bpf
COPY web web
COPY agent agent
ARG REVISION=""
RUN cmake --preset release -DLOOPSTALL_BUILD_TESTS=OFF -DLOOPSTALL_REVISION="$REVISION" \
 && cmake --build --preset release --target loopstall \
 && scripts/image-root build/release/loopstall /image

# The program, its libraries and nothing else: no shell, no package manager, about 18 MB.
FROM scratch
COPY --from=build /image /
ARG REVISION=""
LABEL org.opencontainers.image.title="loopstall" \
      org.opencontainers.image.description="Finds what blocks the event loops of a node's services, measured from outside with eBPF." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)" \
      org.opencontainers.image.base.name="scratch"
EXPOSE 9877
ENTRYPOINT ["/usr/bin/loopstall"]
CMD ["agent"]
