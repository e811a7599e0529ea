import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { licenses } from './licenses.ts';

export default defineConfig({
  plugins: [svelte(), licenses()],
  build: {
    outDir: '../static',
    emptyOutDir: true,
    target: 'es2022',
    // The page may load nothing but files of its own server: no data: addresses, no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
});
