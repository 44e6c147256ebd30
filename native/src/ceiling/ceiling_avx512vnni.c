// SPDX-License-Identifier: Apache-2.0
#include "../arch.h"

#if LB_X86
#include "../simd/simd_avx512.h"
#undef LB_TIER_SUFFIX
#define LB_TIER_SUFFIX avx512vnni
/* After the vector layer. */
#include "ceiling_body.h"
#endif
