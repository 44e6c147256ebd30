// SPDX-License-Identifier: Apache-2.0
#include "../arch.h"

#if LB_X86
#include "../simd/simd_avx512.h"
/* After the vector layer. */
#include "gemm_bf16_body.h"
#endif
