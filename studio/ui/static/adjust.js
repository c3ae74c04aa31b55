// The adjustments of studio/pictures/adjustments.py for a live view: the same table, matrix and kernel on the pixels of
// a canvas, so that what is seen while a slider moves is what the studio makes of it.

const LUMA = [0.2126, 0.7152, 0.0722];
const TEMPERATURE_GAIN = 0.3;
const SHARPNESS_GAIN = 2;
const BINOMIAL = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16];

export const ADJUSTMENTS = ["brightness", "contrast", "saturation", "temperature", "sharpness"];

/** Adjusted pixels of an ImageData: a new Uint8ClampedArray, alpha as it is. */
export function adjusted({ data, width, height }, { brightness = 0, contrast = 0, saturation = 0, temperature = 0, sharpness = 0 }) {
  const answer = new Uint8ClampedArray(data);
  if (brightness || contrast || saturation || temperature) colour(answer, toneTable(brightness, contrast), colourMatrix(saturation, temperature));
  return sharpness ? sharpened(answer, width, height, sharpness * (sharpness > 0 ? SHARPNESS_GAIN : 1)) : answer;
}

function toneTable(brightness, contrast) {
  return Float32Array.from({ length: 256 }, (_, level) => {
    const value = ((level / 255) ** (4 ** -brightness) - 0.5) * (1 + contrast) + 0.5;
    return Math.min(1, Math.max(0, value)) * 255;
  });
}

function colourMatrix(saturation, temperature) {
  const warmth = [1 + TEMPERATURE_GAIN * temperature, 1, 1 - TEMPERATURE_GAIN * temperature];
  const luma = warmth.reduce((sum, gain, place) => sum + gain * LUMA[place], 0);
  return warmth.map((gain, row) => LUMA.map((weight, column) => (gain / luma) * ((row === column ? 1 + saturation : 0) - saturation * weight)));
}

function colour(pixels, table, [red, green, blue]) {
  for (let place = 0; place < pixels.length; place += 4) {
    const [r, g, b] = [table[pixels[place]], table[pixels[place + 1]], table[pixels[place + 2]]];
    pixels[place] = red[0] * r + red[1] * g + red[2] * b;
    pixels[place + 1] = green[0] * r + green[1] * g + green[2] * b;
    pixels[place + 2] = blue[0] * r + blue[1] * g + blue[2] * b;
  }
}

function sharpened(pixels, width, height, amount) {
  const columns = new Float32Array(width * height * 3);
  const at = (x, y) => (y * width + x) * 4;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let tap = -2; tap <= 2; tap++) sum += BINOMIAL[tap + 2] * pixels[at(x, clamp(y + tap, height)) + channel];
        columns[(y * width + x) * 3 + channel] = sum;
      }
    }
  }
  const answer = new Uint8ClampedArray(pixels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let soft = 0;
        for (let tap = -2; tap <= 2; tap++) soft += BINOMIAL[tap + 2] * columns[(y * width + clamp(x + tap, width)) * 3 + channel];
        const sharp = pixels[at(x, y) + channel];
        answer[at(x, y) + channel] = sharp + amount * (sharp - soft);
      }
    }
  }
  return answer;
}

const clamp = (place, length) => Math.min(length - 1, Math.max(0, place));
