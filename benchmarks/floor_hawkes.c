/* The exponential Hawkes log-likelihood in plain C, as one would write it down: one exponential and
   one logarithm an event. */
#include <math.h>
#include <stdint.h>

double floor_log_likelihood(const double* t, int64_t n, double T, double mu, double alpha,
                            double beta)
{
    double a = 0.0, value = 0.0;
    int64_t i;
    for (i = 0; i < n; i++) {
        if (i > 0)
            a = exp(-beta * (t[i] - t[i - 1])) * (1.0 + a);
        value += log(mu + alpha * a);
    }
    a = n > 0 ? exp(-beta * (T - t[n - 1])) * (1.0 + a) : 0.0;
    return value - mu * T - alpha / beta * ((double)n - a);
}
