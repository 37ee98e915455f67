# TubeCAM on a Jetson with JetPack 7 (Orin and Thor; CUDA 13, TensorRT 10.13, Ubuntu 24.04).
#   docker build -f deploy/containers/jetpack7.Dockerfile -t tubecam:jetpack7 .
#   docker run --runtime nvidia --rm -it -v tubecam-plans:/plans tubecam:jetpack7 build motion
ARG BASE=nvcr.io/nvidia/tensorrt:25.08-py3
FROM ${BASE}
ARG PRESET=jetson-jp7
# ON: frames in memory:NVMM. The image must then have libnvbufsurface while it is built: JetPack's
# images get it from the device, by "default-runtime": "nvidia" in /etc/docker/daemon.json.
ARG NVMM=OFF

ENV DEBIAN_FRONTEND=noninteractive PATH=/opt/tubecam/bin:/usr/local/cuda/bin:$PATH
RUN apt-get update && apt-get install -y --no-install-recommends git libegl-dev make sudo \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The package is what pip builds, with the preset's options.
RUN deploy/setup.sh \
    && python3 -m venv --system-site-packages /opt/tubecam \
    && TUBECAM_CMAKE_ARGS="--preset $PRESET -DTUBECAM_WERROR=OFF -DTUBECAM_NVMM=$NVMM" \
       pip install --no-cache-dir ".[video,cli]" \
    && rm -rf build /var/lib/apt/lists/*
# Plans belong to this GPU and TensorRT: keep them in a volume.
ENV TUBECAM_CACHE=/plans
VOLUME /plans
ENTRYPOINT ["tubecam"]
CMD ["doctor"]
