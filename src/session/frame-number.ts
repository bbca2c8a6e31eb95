/** Frames of several captures are numbered over all of them: a survey remembers one number to find a frame again. */

/** More than any file has. */
const FRAMES_PER_FILE = 2 ** 40;

/** What is added to the numbers of a file's frames. */
export function numbersBefore(file: number): number {
  return file * FRAMES_PER_FILE;
}

/** The file, by its position among those given, and the number in it, from 1. */
export function splitFrame(frame: number): { file: number; frame: number } {
  return { file: Math.floor(frame / FRAMES_PER_FILE), frame: frame % FRAMES_PER_FILE };
}
