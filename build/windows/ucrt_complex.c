/* The complex functions of the Universal C Runtime that Wine 8 lacks and NumPy imports.
   Test-only: nothing of this is ever shipped. Each function gets the name shim_<its name>. */
#include <complex.h>

typedef struct { double re, im; } dcomplex;  /* as Microsoft passes them: plain structures */
typedef struct { float re, im; } fcomplex;

static double _Complex in_d(dcomplex z)
{
    double _Complex c;
    __real__ c = z.re;
    __imag__ c = z.im;
    return c;
}

static float _Complex in_f(fcomplex z)
{
    float _Complex c;
    __real__ c = z.re;
    __imag__ c = z.im;
    return c;
}

static dcomplex out_d(double _Complex c) { return (dcomplex){__real__ c, __imag__ c}; }
static fcomplex out_f(float _Complex c) { return (fcomplex){__real__ c, __imag__ c}; }

/* long double is double there, so the l variant is the plain one. */
#define TO_REAL(name) \
    double shim_##name(dcomplex z) { return name(in_d(z)); } \
    double shim_##name##l(dcomplex z) { return name(in_d(z)); } \
    float shim_##name##f(fcomplex z) { return name##f(in_f(z)); }
#define TO_COMPLEX(name) \
    dcomplex shim_##name(dcomplex z) { return out_d(name(in_d(z))); } \
    dcomplex shim_##name##l(dcomplex z) { return out_d(name(in_d(z))); } \
    fcomplex shim_##name##f(fcomplex z) { return out_f(name##f(in_f(z))); }

TO_REAL(cabs) TO_REAL(carg) TO_REAL(cimag) TO_REAL(creal)
TO_COMPLEX(cacos) TO_COMPLEX(cacosh) TO_COMPLEX(casin) TO_COMPLEX(casinh)
TO_COMPLEX(catan) TO_COMPLEX(catanh) TO_COMPLEX(ccos) TO_COMPLEX(ccosh)
TO_COMPLEX(cexp) TO_COMPLEX(clog) TO_COMPLEX(conj) TO_COMPLEX(cproj)
TO_COMPLEX(csin) TO_COMPLEX(csinh) TO_COMPLEX(csqrt) TO_COMPLEX(ctan) TO_COMPLEX(ctanh)

dcomplex shim_cpow(dcomplex a, dcomplex b) { return out_d(cpow(in_d(a), in_d(b))); }
dcomplex shim_cpowl(dcomplex a, dcomplex b) { return out_d(cpow(in_d(a), in_d(b))); }
fcomplex shim_cpowf(fcomplex a, fcomplex b) { return out_f(cpowf(in_f(a), in_f(b))); }
