# A polynomial by least squares, its degree chosen by a held-out half.
arguments <- commandArgs(trailingOnly = TRUE)
degree <- as.integer(arguments[which(arguments == "--degree") + 1])
set.seed(0)
x <- runif(100, -2, 2)
y <- x^3 - x + rnorm(100, sd = 0.2)
train <- 1:50
model <- lm(y ~ poly(x, degree, raw = TRUE), data = data.frame(x, y)[train, ])
error <- y[-train] - predict(model, data.frame(x = x[-train]))
saveRDS(model, "model.rds")
cat("rmse:", format(sqrt(mean(error^2)), digits = 8), "\n")
