// SPDX-License-Identifier: Apache-2.0
#include "../arch.h"

#if LB_X86
#include "../simd/simd_avx512.h"
/* After the vector layer. */
#include "tanh_body.h"
#endif
