# The package on a Jetson with JetPack 7 (Ubuntu 24.04), with CUDA through torch. From the repository's root, on the Jetson:
#   docker build -f deploy/docker/jetson.Dockerfile -t gas_fusion_ros:jetson .
#   docker run --runtime nvidia ... as docs/deployment.md shows
# JetPack 6 has Ubuntu 22.04 and no image of Jazzy with CUDA: build jazzy.Dockerfile there, which runs on the CPU.
ARG BASE=nvcr.io/nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04
FROM ${BASE}
SHELL ["/bin/bash", "-eo", "pipefail", "-c"]

# ROS 2 Jazzy from its own packages: https://docs.ros.org/en/jazzy/Installation/Ubuntu-Install-Debs.html
ARG ROS_APT_SOURCE=1.1.0
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && curl -fsSL -o /tmp/source.deb "https://github.com/ros-infrastructure/ros-apt-source/releases/download/${ROS_APT_SOURCE}/ros2-apt-source_${ROS_APT_SOURCE}.noble_all.deb" \
    && apt-get install -y /tmp/source.deb \
    && apt-get update \
    && apt-get install -y --no-install-recommends build-essential python3-pip python3-rosdep python3-colcon-common-extensions ros-jazzy-ros-base \
    && rosdep init \
    && rm -rf /tmp/source.deb /var/lib/apt/lists/*

# rosdep installs some keys with pip; the distribution's cv_bridge is built for its own NumPy.
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_CONSTRAINT=/etc/pip_constraints.txt PIP_NO_CACHE_DIR=1
RUN echo "numpy<2" > "$PIP_CONSTRAINT"

WORKDIR /opt/gas_fusion
COPY package.xml src/gas_fusion_ros/
RUN apt-get update \
    && rosdep update --rosdistro jazzy \
    && rosdep install --from-paths src --ignore-src --rosdistro jazzy --dependency-types=exec -y \
    && rm -rf /var/lib/apt/lists/*

# PyPI has no ONNX Runtime with CUDA for arm64: the classifier takes torch there.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu130
RUN pip3 install --index-url "$TORCH_INDEX" torch torchvision \
    && pip3 install safetensors

COPY LICENSE setup.py setup.cfg src/gas_fusion_ros/
COPY resource src/gas_fusion_ros/resource
COPY gas_fusion_ros src/gas_fusion_ros/gas_fusion_ros
COPY config src/gas_fusion_ros/config
COPY deploy src/gas_fusion_ros/deploy
COPY launch src/gas_fusion_ros/launch
COPY models src/gas_fusion_ros/models
COPY urdf src/gas_fusion_ros/urdf
RUN source /opt/ros/jazzy/setup.bash && colcon build --packages-select gas_fusion_ros

# Standing alarms outlive the container in this volume.
ENV ROS_HOME=/var/lib/gas_fusion
VOLUME /var/lib/gas_fusion
ENTRYPOINT ["/bin/bash", "/opt/gas_fusion/src/gas_fusion_ros/deploy/docker/entrypoint.sh"]
CMD ["ros2", "launch", "gas_fusion_ros", "pipeline.launch.py"]
