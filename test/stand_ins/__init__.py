"""What gas_fusion_ros expects of message_filters and cv_bridge, whoever provides them.

The suites are no test files of their own: test_stand_ins.py runs each on every implementation.
"""
