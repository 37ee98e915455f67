# TubeCAM on a desktop or server with an NVIDIA GPU (CUDA 12 or 13, TensorRT 10).
#   docker build -f deploy/containers/desktop.Dockerfile -t tubecam:desktop .
#   docker run --gpus all --rm -it -v tubecam-plans:/plans tubecam:desktop build motion
ARG BASE=nvcr.io/nvidia/tensorrt:25.03-py3
FROM ${BASE}

ENV DEBIAN_FRONTEND=noninteractive PATH=/opt/tubecam/bin:/usr/local/cuda/bin:$PATH
RUN apt-get update && apt-get install -y --no-install-recommends git make sudo \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# For every GPU that the toolkit compiles for.
RUN deploy/setup.sh \
    && python3 -m venv --system-site-packages /opt/tubecam \
    && TUBECAM_CMAKE_ARGS="--preset cuda -DTUBECAM_WERROR=OFF -DTUBECAM_GSTREAMER=ON" \
       pip install --no-cache-dir ".[video,cli]" \
    && rm -rf build /var/lib/apt/lists/*
# Plans belong to this GPU and TensorRT: keep them in a volume.
ENV TUBECAM_CACHE=/plans
VOLUME /plans
ENTRYPOINT ["tubecam"]
CMD ["doctor"]
