# The package on ROS 2 Jazzy, for a robot's x86_64 or arm64 computer. From the repository's root:
#   docker build -f deploy/docker/jazzy.Dockerfile -t gas_fusion_ros .
FROM ros:jazzy
SHELL ["/bin/bash", "-eo", "pipefail", "-c"]

# rosdep installs some keys with pip; the distribution's cv_bridge is built for its own NumPy.
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_CONSTRAINT=/etc/pip_constraints.txt PIP_NO_CACHE_DIR=1
RUN echo "numpy<2" > "$PIP_CONSTRAINT"

WORKDIR /opt/gas_fusion
COPY package.xml src/gas_fusion_ros/
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip \
    && rosdep update --rosdistro jazzy \
    && rosdep install --from-paths src --ignore-src --rosdistro jazzy --dependency-types=exec -y \
    && rm -rf /var/lib/apt/lists/*

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
