// The least and the greatest of any stretch of a long row of numbers, in a few steps whatever its length.

export class Pyramid {
  /** Over `values`, which may be NaN where nothing is known yet; tell `update` once they are. */
  constructor(values) {
    this.values = values;
    this.levels = [];
    for (let size = Math.ceil(values.length / 2); size > 1; size = Math.ceil(size / 2)) {
      this.levels.push({ least: new Float32Array(size).fill(Infinity), most: new Float32Array(size).fill(-Infinity) });
    }
    this.least = Infinity;
    this.most = -Infinity;
    this.update(0, values.length);
  }

  /** Takes in what has changed between two places. */
  update(from, to) {
    let begin = from >> 1;
    let end = (to + 1) >> 1;
    this.levels.forEach((level, depth) => {
      const below = depth ? this.levels[depth - 1] : null;
      const size = below ? below.least.length : this.values.length;
      for (let index = begin; index < Math.min(end, level.least.length); index += 1) {
        let least = Infinity;
        let most = -Infinity;
        for (let child = index * 2; child < Math.min(index * 2 + 2, size); child += 1) {
          const low = below ? below.least[child] : this.values[child];
          const high = below ? below.most[child] : this.values[child];
          if (low < least) least = low;
          if (high > most) most = high;
        }
        level.least[index] = least;
        level.most[index] = most;
      }
      begin >>= 1;
      end = (end + 1) >> 1;
    });
  }

  /** Puts the extremes of [from, to) into `least` and `most`; Infinity and -Infinity where nothing is known. */
  look(from, to) {
    let begin = Math.max(0, Math.floor(from));
    let end = Math.min(this.values.length, Math.max(begin + 1, Math.ceil(to)));
    let least = Infinity;
    let most = -Infinity;
    let depth = -1;
    // Single cells at the edges of each level, the middle from the level above: exact, and 2 log n steps.
    while (begin < end) {
      const level = depth < 0 ? null : this.levels[depth];
      const low = level ? level.least : this.values;
      const high = level ? level.most : this.values;
      if (begin & 1 || end - begin === 1 || depth + 1 >= this.levels.length) {
        if (low[begin] < least) least = low[begin];
        if (high[begin] > most) most = high[begin];
        begin += 1;
      } else if (end & 1) {
        end -= 1;
        if (low[end] < least) least = low[end];
        if (high[end] > most) most = high[end];
      } else {
        begin >>= 1;
        end >>= 1;
        depth += 1;
      }
    }
    this.least = least;
    this.most = most;
  }
}
