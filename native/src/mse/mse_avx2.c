// SPDX-License-Identifier: Apache-2.0
#include "../arch.h"

#if LB_X86
#include "../simd/simd_avx2.h"
/* After the vector layer. */
#include "mse_body.h"
#endif
