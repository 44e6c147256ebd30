// SPDX-License-Identifier: Apache-2.0
#include "../arch.h"

#if LB_X86
#include "../simd/simd_avx512.h"
#undef LB_TIER_SUFFIX
#define LB_TIER_SUFFIX avx512vnni
/* After the vector layer. */
#include "gemm_ternary_i8.h"
#endif
