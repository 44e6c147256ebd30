// SPDX-License-Identifier: Apache-2.0
#include "../simd/simd_portable.h"
/* After the vector layer. */
#include "embedding_body.h"
