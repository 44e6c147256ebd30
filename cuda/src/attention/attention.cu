// SPDX-License-Identifier: Apache-2.0
//
// attention: A = scale Q K^T, P = softmax of A over the entries that are not masked, C = P V; dP = dC V^T, dV = P^T dC, dA = P (dP -
// sum dP P) + further dA, dQ = scale dA K, dK = scale dA^T Q.
//
// Q, C, dQ, dC  f32 [batch queries, heads width];  K, V, dK, dV  f32 [batch keys, heads width];  A, P, dP (overwritten with dA),
// further dA (or null)  f32 [batch heads queries, keys];  lengths  i32 [batch] or null;  mask  u8 [batch queries, keys] or null.
// Strides in elements, any alignment; no output overlaps an input.
//
// Masked entries: A = masked_score, P = 0; a row without a real key has P = 0. NaN or +infinity among the real scores of a row makes
// its real maps NaN. Lengths beyond the keys count as all. Products in f32, each sum in the order of its terms, or on the tensor cores
// (..._tf32), factors rounded to tf32; P from the stored A, the bits of softmax; sum dP P per lane of a warp, then over the warp. No
// bit depends on a tile or the grid.
// A block a tile of 64 or 128 rows of a product: of queries (..._weights, ..._context, ..._grad_maps, ..._grad_query), or of keys
// (..._grad_keys: dV and dK), so that nobody adds to what another block adds to. ..._weights does all keys, then
// comes back to its rows for P, a warp a row; ..._grad_query first makes dA of its rows, then multiplies it: both find their rows in
// L2. Key tiles beyond the length, or after the queries if causal, are not multiplied. For each example and head: A, C, dP, dV, dQ,
// dK 2 queries keys width flops each; bytes an element of the maps: 8 for A and P, 4 for C, 8 for dP and dV, 16 (20 with further
// dA) for dQ and dK.

#include "../device/device.h"
#include "../device/softmax_row.h"
#include "float_tile.h"
#include "product.h"
#include "tf32_tile.h"

namespace {

using lb::Form;
using lb::Product;

/** Where a block stands: tiles of a matrix, one example and head after the other. */
struct Place {
  // Long for what they are multiplied by.
  int64_t matrix, example, head;
  int tile;

  LB_DEVICE Place(int tiles, int heads)
      : matrix((int)blockIdx.x / tiles), example((int)matrix / heads), head((int)matrix % heads), tile((int)blockIdx.x % tiles) {}

  /** The head's columns in a matrix of heads side by side, of so many positions an example. */
  template <class T>
  LB_DEVICE lb::Side<T> side(T* first, int64_t stride, int positions, int width) const {
    return {first + example * positions * stride + head * width, stride};
  }
  /** The head's rows in a matrix of the shape of the maps. */
  template <class T>
  LB_DEVICE lb::Side<T> map(T* first, int64_t stride, int queries) const {
    return {first == nullptr ? nullptr : first + matrix * queries * stride, stride};
  }
};

LB_DEVICE int tiles_of(int size, int tile) { return (size + tile - 1) / tile; }

/** Which entries of an example's scores are real. */
struct Masks {
  const uint8_t* mask;
  int64_t mask_stride;
  int keys, length;
  bool causal;

  LB_DEVICE Masks(const int* lengths, const uint8_t* m, int64_t stride, int64_t example, int queries, int all_keys, bool c)
      : mask(m == nullptr ? nullptr : m + example * queries * stride), mask_stride(stride), keys(all_keys), length(all_keys), causal(c) {
    if (lengths != nullptr) {
      // Whatever it holds, the keys end there.
      length = min(max(lengths[example], 0), all_keys);
    }
  }
  /** No key of a query is real from here on. */
  LB_DEVICE int end(int query) const { return causal ? min(length, query + 1) : length; }
  LB_DEVICE bool keeps(int query, int key) const { return mask == nullptr || mask[query * mask_stride + key] != 0; }
};

/** P of rows from `from` to below `to` whose scores are there, and masked_score where there are none; R rows of a warp at a time. */
template <int N, int R>
LB_DEVICE void maps_held(const Masks& masks, const lb::Side<float>& scores, const lb::Side<float>& maps, int from, int to,
                         float masked_score) {
  const int lane = lb::Warp::rank();
  const int warps = (int)blockDim.x / lb::WARP;
  for (int first = from + (int)threadIdx.x / lb::WARP * R; first < to; first += warps * R) {
    float v[R][N];
    unsigned real[R];
#pragma unroll
    for (int r = 0; r < R; r++) {
      const int query = first + r;
      const int end = query < to ? masks.end(query) : 0;
      real[r] = 0;
#pragma unroll
      for (int i = 0; i < N; i++) {
        const int key = lane + i * lb::WARP;
        v[r][i] = -INFINITY;
        if (key < end) {
          const float score = scores.first[query * scores.stride + key];
          if (masks.keeps(query, key)) {
            v[r][i] = score;
            real[r] |= 1u << i;
          }
        }
      }
    }
    lb::softmax_held(v);
#pragma unroll
    for (int r = 0; r < R; r++) {
      const int query = first + r;
#pragma unroll
      for (int i = 0; i < N; i++) {
        const int key = lane + i * lb::WARP;
        if (query < to && key < masks.keys) {
          const bool kept = real[r] >> i & 1;
          // NaN fills its row, but not where it is masked.
          maps.first[query * maps.stride + key] = kept ? v[r][i] : 0.0f;
          if (!kept) {
            scores.first[query * scores.stride + key] = masked_score;
          }
        }
      }
    }
  }
}

/** The same for rows of any length. */
LB_DEVICE void maps_streamed(const Masks& masks, const lb::Side<float>& scores, const lb::Side<float>& maps, int from,
                             int to, float masked_score) {
  const int warps = (int)blockDim.x / lb::WARP;
  for (int query = from + (int)threadIdx.x / lb::WARP; query < to; query += warps) {
    float* const score = scores.first + query * scores.stride;
    float* const map = maps.first + query * maps.stride;
    const int end = masks.end(query);
    const auto real = [&](int key) { return key < end && masks.keeps(query, key); };
    lb::softmax_streamed<lb::Warp>(
        masks.keys, [&](int64_t key) { return real((int)key) ? score[key] : -INFINITY; },
        [&](int64_t key, float p) {
          const bool kept = real((int)key);
          map[key] = kept ? p : 0.0f;
          if (!kept) {
            score[key] = masked_score;
          }
        });
  }
}

template <template <int, Form> class Tile, int ROWS>
LB_DEVICE void weights(const float* query, int64_t query_stride, const float* key, int64_t key_stride, const int* lengths,
                       const uint8_t* mask, int64_t mask_stride, float* scores, int64_t scores_stride, float* maps,
                       int64_t maps_stride, int heads, int queries, int keys, int width, float scale,
                       float masked_score, int causal) {
  using P = Product<Tile<ROWS, Form::NT>>;
  const Place at(tiles_of(queries, ROWS), heads);
  const int from = at.tile * ROWS;
  const int to = min(from + ROWS, queries);
  const Masks masks(lengths, mask, mask_stride, at.example, queries, keys, causal != 0);
  const lb::Side<float> a = at.map(scores, scores_stride, queries);
  const lb::Side<float> p = at.map(maps, maps_stride, queries);
  P::run(at.side(query, query_stride, queries, width), at.side(key, key_stride, keys, width), from, queries, 0, masks.end(to - 1),
         keys, width,
         [&](int col, const typename P::Sums& sums) { P::store(sums, scale, a, from, queries, col, keys); });
  // The scores that the rows' warps read next are those of the whole block.
  __syncthreads();
  if (keys <= 64) {
    maps_held<2, 8>(masks, a, p, from, to, masked_score);
  } else if (keys <= 128) {
    maps_held<4, 4>(masks, a, p, from, to, masked_score);
  } else if (keys <= 384) {
    maps_held<12, 2>(masks, a, p, from, to, masked_score);
  } else if (keys <= lb::SOFTMAX_HELD) {
    maps_held<lb::SOFTMAX_HELD / lb::WARP, 1>(masks, a, p, from, to, masked_score);
  } else {
    maps_streamed(masks, a, p, from, to, masked_score);
  }
}

/** out = scale M X: M [queries, keys] of each example and head, X [keys, width]. A block a tile of 64 columns. */
template <template <int, Form> class Tile, int ROWS>
LB_DEVICE void maps_times_keys(const float* maps, int64_t maps_stride, const float* x, int64_t x_stride, float* out,
                               int64_t out_stride, int heads, int queries, int keys, int width) {
  using P = Product<Tile<ROWS, Form::NN>>;
  const int across = tiles_of(width, P::COLS);
  const Place at(tiles_of(queries, ROWS) * across, heads);
  const int from = at.tile / across * ROWS;
  const int col = at.tile % across * P::COLS;
  const lb::Side<float> y = at.side(out, out_stride, queries, width);
  P::run(at.map(maps, maps_stride, queries), at.side(x, x_stride, keys, width), from, queries, col, col + 1, width, keys,
         [&](int c, const typename P::Sums& sums) { P::store(sums, 1.0f, y, from, queries, c, width); });
}

/** out = scale M^T X: M [queries, keys] of each example and head, X [queries, width]. A block a tile of 64 columns. */
template <template <int, Form> class Tile, int ROWS>
LB_DEVICE void maps_times_queries(const float* maps, int64_t maps_stride, const float* x, int64_t x_stride, float* out,
                                  int64_t out_stride, int heads, int queries, int keys, int width, float scale) {
  using P = Product<Tile<ROWS, Form::TN>>;
  const int across = tiles_of(width, P::COLS);
  const Place at(tiles_of(keys, ROWS) * across, heads);
  const int from = at.tile / across * ROWS;
  const int col = at.tile % across * P::COLS;
  const lb::Side<float> y = at.side(out, out_stride, keys, width);
  P::run(at.map(maps, maps_stride, queries), at.side(x, x_stride, queries, width), from, keys, col, col + 1, width, queries,
         [&](int c, const typename P::Sums& sums) { P::store(sums, scale, y, from, keys, c, width); });
}

/** dP = dC V^T. A block a tile of 64 keys. */
template <template <int, Form> class Tile, int ROWS>
LB_DEVICE void grad_maps(const float* grad_context, int64_t grad_context_stride, const float* value, int64_t value_stride,
                         float* out, int64_t out_stride, int heads, int queries, int keys, int width) {
  using P = Product<Tile<ROWS, Form::NT>>;
  const int across = tiles_of(keys, P::COLS);
  const Place at(tiles_of(queries, ROWS) * across, heads);
  const int from = at.tile / across * ROWS;
  const int col = at.tile % across * P::COLS;
  const lb::Side<float> y = at.map(out, out_stride, queries);
  P::run(at.side(grad_context, grad_context_stride, queries, width), at.side(value, value_stride, keys, width), from, queries, col,
         col + 1, keys, width,
         [&](int c, const typename P::Sums& sums) { P::store(sums, 1.0f, y, from, queries, c, keys); });
}

/** dA over dP, of rows from `from` to below `to`; R rows of a warp at a time. */
template <int R>
LB_DEVICE void slopes(const lb::Factor& maps, const lb::Side<float>& grad, const lb::Factor& further, int from, int to,
                      int keys) {
  const int lane = lb::Warp::rank();
  const int warps = (int)blockDim.x / lb::WARP;
  for (int first = from + (int)threadIdx.x / lb::WARP * R; first < to; first += warps * R) {
    float dots[R];
#pragma unroll
    for (int r = 0; r < R; r++) {
      dots[r] = 0.0f;
    }
    for (int key = lane; key < keys; key += lb::WARP) {
#pragma unroll
      for (int r = 0; r < R; r++) {
        if (first + r < to) {
          dots[r] += grad.first[(first + r) * grad.stride + key] * maps.first[(first + r) * maps.stride + key];
        }
      }
    }
    lb::warp_sums(dots);
    for (int key = lane; key < keys; key += lb::WARP) {
#pragma unroll
      for (int r = 0; r < R; r++) {
        if (first + r < to) {
          float* const g = grad.first + (first + r) * grad.stride + key;
          const float slope = maps.first[(first + r) * maps.stride + key] * (*g - dots[r]);
          *g = further.first == nullptr ? slope : slope + further.first[(first + r) * further.stride + key];
        }
      }
    }
  }
}

template <template <int, Form> class Tile, int ROWS>
LB_DEVICE void grad_query(const float* key, int64_t key_stride, const float* maps, int64_t maps_stride, float* grad,
                          int64_t grad_stride, const float* further, int64_t further_stride, float* out, int64_t out_stride,
                          int heads, int queries, int keys, int width, float scale) {
  using P = Product<Tile<ROWS, Form::NN>>;
  const Place at(tiles_of(queries, ROWS), heads);
  const int from = at.tile * ROWS;
  const lb::Side<float> g = at.map(grad, grad_stride, queries);
  slopes<4>(at.map(maps, maps_stride, queries), g, at.map(further, further_stride, queries), from, min(from + ROWS, queries), keys);
  // The product reads the slopes of the whole block.
  __syncthreads();
  const lb::Side<float> y = at.side(out, out_stride, queries, width);
  P::run(lb::Factor{g.first, g.stride}, at.side(key, key_stride, keys, width), from, queries, 0, width, width, keys,
         [&](int c, const typename P::Sums& sums) { P::store(sums, scale, y, from, queries, c, width); });
}

}  // namespace

/** A thread for each row of a tile, with the registers for 12 warps on a multiprocessor: 16 would leave too few beside the sums. */
#define LB_BOUNDS(ROWS) __launch_bounds__(ROWS, 384 / ROWS)

#define LB_ATTENTION(Tile, ROWS, suffix)                                                                                        \
  extern "C" __global__ void LB_BOUNDS(ROWS) lb_attention_weights_##ROWS##suffix##_kernel(                                      \
      const float* query, int64_t query_stride, const float* key, int64_t key_stride, const int* lengths, const uint8_t* mask,  \
      int64_t mask_stride, float* scores, int64_t scores_stride, float* maps, int64_t maps_stride, int heads,                   \
      int queries, int keys, int width, float scale, float masked_score, int causal) {                                          \
    weights<lb::Tile, ROWS>(query, query_stride, key, key_stride, lengths, mask, mask_stride, scores, scores_stride, maps,      \
                            maps_stride, heads, queries, keys, width, scale, masked_score, causal);                             \
  }                                                                                                                             \
  LB_KERNEL(lb_attention_weights_##ROWS##suffix##_kernel);                                                                      \
  extern "C" __global__ void LB_BOUNDS(ROWS) lb_attention_context_##ROWS##suffix##_kernel(                                      \
      const float* maps, int64_t maps_stride, const float* value, int64_t value_stride, float* context, int64_t context_stride, \
      int heads, int queries, int keys, int width) {                                                                            \
    maps_times_keys<lb::Tile, ROWS>(maps, maps_stride, value, value_stride, context, context_stride, heads, queries, keys,      \
                                    width);                                                                                     \
  }                                                                                                                             \
  LB_KERNEL(lb_attention_context_##ROWS##suffix##_kernel);                                                                      \
  extern "C" __global__ void LB_BOUNDS(ROWS) lb_attention_grad_maps_##ROWS##suffix##_kernel(                                    \
      const float* grad_context, int64_t grad_context_stride, const float* value, int64_t value_stride, float* grad,            \
      int64_t grad_stride, int heads, int queries, int keys, int width) {                                                       \
    grad_maps<lb::Tile, ROWS>(grad_context, grad_context_stride, value, value_stride, grad, grad_stride, heads, queries, keys,  \
                              width);                                                                                           \
  }                                                                                                                             \
  LB_KERNEL(lb_attention_grad_maps_##ROWS##suffix##_kernel);                                                                    \
  /** dV of maps and dC with scale 1, dK of dA and Q. */                                                                        \
  extern "C" __global__ void LB_BOUNDS(ROWS) lb_attention_grad_keys_##ROWS##suffix##_kernel(                                    \
      const float* maps, int64_t maps_stride, const float* x, int64_t x_stride, float* out, int64_t out_stride, int heads,      \
      int queries, int keys, int width, float scale) {                                                                          \
    maps_times_queries<lb::Tile, ROWS>(maps, maps_stride, x, x_stride, out, out_stride, heads, queries, keys, width, scale);    \
  }                                                                                                                             \
  LB_KERNEL(lb_attention_grad_keys_##ROWS##suffix##_kernel);                                                                    \
  extern "C" __global__ void LB_BOUNDS(ROWS) lb_attention_grad_query_##ROWS##suffix##_kernel(                                   \
      const float* key, int64_t key_stride, const float* maps, int64_t maps_stride, float* grad, int64_t grad_stride,           \
      const float* further, int64_t further_stride, float* out, int64_t out_stride, int heads, int queries,                     \
      int keys, int width, float scale) {                                                                                       \
    grad_query<lb::Tile, ROWS>(key, key_stride, maps, maps_stride, grad, grad_stride, further, further_stride, out,             \
                               out_stride, heads, queries, keys, width, scale);                                                 \
  }                                                                                                                             \
  LB_KERNEL(lb_attention_grad_query_##ROWS##suffix##_kernel)

LB_ATTENTION(FloatTile, 64, );
LB_ATTENTION(FloatTile, 128, );
LB_ATTENTION(Tf32Tile, 64, _tf32);
LB_ATTENTION(Tf32Tile, 128, _tf32);
