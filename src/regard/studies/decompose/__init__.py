"""What a learner's error is made of: approximation, estimation, optimisation."""
