// SPDX-License-Identifier: Apache-2.0
#include "check.h"

/* Sums in registers: each round adds as many products as its instructions hold, on however many chains. */
int main(void) {
  const int64_t many = LB_CEILING_ROUNDS;
  for (int t = 0; t < check_tiers(); t++) {
    int32_t tier = check_tier(t);
    int32_t (*const loops[])(int32_t, int64_t, double *) = {lb_ceiling_i8, lb_ceiling_bf16};
    for (int i = 0; i < 2; i++) {
      double sum = -1;
      CHECK(loops[i](tier, -1, &sum) == LB_BAD_SIZE && loops[i](tier, many + 1, &sum) == LB_BAD_SIZE, "rounds");
      if ((tier & LB_TIER_MASK) == LB_TIER_PORTABLE) {
        CHECK(loops[i](tier, 1, &sum) == LB_BAD_OPTION && sum == -1, "tier");
        continue;
      }
      double one = 0;
      CHECK(loops[i](tier, 0, &sum) == LB_OK && sum == 0, "no round: %g", sum);
      CHECK(loops[i](tier, 1, &one) == LB_OK && one > 0, "one round: %g", one);
      CHECK(loops[i](tier, many, &sum) == LB_OK && sum == (double)many * one, "tier %d, loop %d: %g, not %g", tier, i, sum,
            (double)many * one);
    }
  }
  return check_done("ceiling");
}
