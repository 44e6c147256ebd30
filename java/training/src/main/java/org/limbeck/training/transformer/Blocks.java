// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.LayerFactory;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.Normalisation;

/**
 * Makes the stored blocks of a network, under fairseq's names, and the executed layers that take
 * their parameters.
 */
final class Blocks {
  /** The uses of dropout that are not in a layer: the embeddings of both sides. */
  static final int EMBEDDING_SITES = 2;

  private final Compute compute;
  private final TransformerConfig config;
  private final LayerFactory make;

  /** The stored layers of an encoder block, or of what a decoder block has like it. */
  private record Block(
      Projections self,
      Normalisation selfNorm,
      Projections cross,
      Normalisation crossNorm,
      Linear inner,
      Linear outer,
      Normalisation finalNorm) {}

  Blocks(Compute compute, TransformerConfig config, LayerFactory make) {
    this.compute = compute;
    this.config = config;
    this.make = make;
  }

  EncoderLayer[] encoder() {
    Stack stack = config.encoder();
    List<Block> blocks = new ArrayList<>();
    for (int b = 0; b < stack.blocks(); b++) {
      blocks.add(block("encoder.layers." + b + ".", stack, null));
    }
    EncoderLayer[] layers = new EncoderLayer[stack.layers()];
    for (int l = 0; l < layers.length; l++) {
      int site = EMBEDDING_SITES + l * EncoderLayer.DROPOUT_SITES;
      Block block = blocks.get(stack.block(l));
      layers[l] =
          new EncoderLayer(stack, self(stack, l, block, false, site), last(stack, block, site + 1));
    }
    return layers;
  }

  DecoderStack<?> decoder() {
    Stack stack = config.decoder();
    int firstSite = EMBEDDING_SITES + config.encoder().layers() * EncoderLayer.DROPOUT_SITES;
    return config.decoderKind() == DecoderKind.COMPRESSED
        ? compressed(stack, firstSite)
        : standard(stack, firstSite);
  }

  private DecoderStack<?> standard(Stack stack, int firstSite) {
    List<Block> blocks = new ArrayList<>();
    for (int b = 0; b < stack.blocks(); b++) {
      blocks.add(block("decoder.layers." + b + ".", stack, config.tying().ties(b)));
    }
    List<StandardDecoderLayer> layers = new ArrayList<>();
    for (int l = 0; l < stack.layers(); l++) {
      int site = firstSite + l * DecoderLayer.DROPOUT_SITES;
      Block block = blocks.get(stack.block(l));
      AttentionSubLayer cross =
          new AttentionSubLayer(
              compute, block.cross(), block.crossNorm(), stack.heads(), false, site + 1);
      layers.add(
          new StandardDecoderLayer(
              stack,
              stack.block(l),
              self(stack, l, block, true, site),
              cross,
              last(stack, block, site + 2)));
    }
    return new DecoderStack<>(layers);
  }

  private DecoderStack<?> compressed(Stack stack, int firstSite) {
    int d = stack.width();
    int r = stack.feedForward();
    int e = config.encoder().width();
    List<CompressedSubLayer.Parts> blocks = new ArrayList<>();
    for (int b = 0; b < stack.blocks(); b++) {
      String name = "decoder.layers." + b + ".";
      blocks.add(
          new CompressedSubLayer.Parts(
              norm(name + "layer_norm", d),
              linear(name + "q_proj", d, d),
              linear(name + "k_proj", d, d),
              linear(name + "v_proj", r, d),
              linear(name + "source_k_proj", d, e),
              linear(name + "source_v_proj", r, e),
              linear(name + "fc1", r, d),
              linear(name + "fc2", d, r)));
    }
    List<CompressedSubLayer> layers = new ArrayList<>();
    for (int l = 0; l < stack.layers(); l++) {
      int site = firstSite + l * DecoderLayer.DROPOUT_SITES;
      layers.add(new CompressedSubLayer(compute, stack, blocks.get(stack.block(l)), site));
    }
    return new DecoderStack<>(layers);
  }

  /** Makes a block; {@code tied} is null in an encoder, which has no cross-attention. */
  private Block block(String name, Stack stack, Boolean tied) {
    int d = stack.width();
    Projections self = projections(name + "self_attn.", d, d, null);
    Normalisation selfNorm = norm(name + "self_attn_layer_norm", d);
    Projections cross = null;
    Normalisation crossNorm = null;
    if (tied != null) {
      Linear query = tied ? self.query() : null;
      cross = projections(name + "encoder_attn.", d, config.encoder().width(), query);
      crossNorm = norm(name + "encoder_attn_layer_norm", d);
    }
    Linear inner = linear(name + "fc1", stack.feedForward(), d);
    Linear outer = linear(name + "fc2", d, stack.feedForward());
    return new Block(
        self, selfNorm, cross, crossNorm, inner, outer, norm(name + "final_layer_norm", d));
  }

  private Projections projections(String name, int width, int memoryWidth, Linear sharedQuery) {
    return new Projections(
        sharedQuery != null ? sharedQuery : linear(name + "q_proj", width, width),
        linear(name + "k_proj", width, memoryWidth),
        linear(name + "v_proj", width, memoryWidth),
        linear(name + "out_proj", width, width));
  }

  private Linear linear(String name, int out, int in) {
    return make.linear(name, out, in, null);
  }

  private Normalisation norm(String name, int width) {
    return make.normalisation(name, width, TransformerConfig.EPSILON);
  }

  private AttentionSubLayer self(Stack stack, int layer, Block block, boolean causal, int site) {
    return new AttentionSubLayer(
        compute,
        block.self().swapped(stack.swapped().get(layer)),
        block.selfNorm(),
        stack.heads(),
        causal,
        site);
  }

  private FeedForwardSubLayer last(Stack stack, Block block, int site) {
    return new FeedForwardSubLayer(
        compute, block.inner(), block.outer(), block.finalNorm(), stack.feedForward(), site);
  }
}
