// SPDX-License-Identifier: Apache-2.0
#include "../simd/simd_portable.h"
/* After the vector layer. */
#include "gemm_ternary_body.h"
#include "gemm_ternary_i8.h"
