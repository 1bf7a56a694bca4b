// Shows a mesh in 3D by three.js, which is loaded when the first mesh is.

const FIELD_OF_VIEW = 25;
const DISTANCE = 1.08 / Math.sin((FIELD_OF_VIEW / 2) * (Math.PI / 180));
const STEP = Math.PI / 24;
const TURNS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const ZOOMS = { "+": 0.9, "=": 0.9, "-": 1 / 0.9 };

let library = null;

function three() {
  library ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "/static/three.js";
    script.onload = () => done(window.THREE);
    script.onerror = () => failed(new Error("The 3D viewer could not be loaded."));
    document.head.append(script);
  });
  return library;
}

async function fetchMesh(url, signal) {
  const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.arrayBuffer();
}

/** Show a mesh in an element; returns what ends it. */
export function showMesh(stage) {
  const end = new AbortController();
  start(stage, end.signal).catch((error) => {
    if (end.signal.aborted) return;
    stage.classList.add("failed");
    stage.querySelector(".note").textContent = error.message;
  });
  return () => end.abort();
}

async function start(stage, signal) {
  const [THREE, bytes] = await Promise.all([three(), fetchMesh(stage.dataset.glb, signal)]);
  const loader = new THREE.GLTFLoader();
  const mesh = await new Promise((done, failed) => loader.parse(bytes, "", done, failed));
  if (signal.aborted) return;
  const renderer = makeRenderer(THREE);
  const canvas = renderer.domElement;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${stage.dataset.name} in 3D; turn it with the arrow keys`);
  stage.append(canvas);
  const { scene, camera } = makeScene(THREE, mesh.scene);
  const controls = makeControls(THREE, camera, canvas);
  const draw = () => renderer.render(scene, camera);
  controls.addEventListener("change", draw);
  const watcher = new ResizeObserver(() => fit(renderer, camera, controls, stage, draw));
  watcher.observe(stage);
  canvas.addEventListener("keydown", (event) => onKey(THREE, event, camera, controls, draw));
  const tick = () => {
    if (signal.aborted) return;
    controls.update();
    requestAnimationFrame(tick);
  };
  signal.addEventListener("abort", () => {
    watcher.disconnect();
    controls.dispose();
    renderer.dispose();
    renderer.forceContextLoss();
    canvas.remove();
  });
  tick();
  draw();
  stage.classList.add("drawn");
}

function makeRenderer(THREE) {
  let renderer;
  try {
    renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true });
  } catch {
    throw new Error("This browser cannot draw in 3D; the mesh can be downloaded all the same.");
  }
  renderer.outputEncoding = THREE.sRGBEncoding;
  renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
  return renderer;
}

/** The mesh in the unit sphere, lit from the upper left of the camera as in the rendered views. */
function makeScene(THREE, mesh) {
  const scene = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, 0.05, 100);
  const light = new THREE.DirectionalLight(0xffffff, 0.85);
  light.position.set(-1.2, 1.6, 2);
  camera.add(light);
  scene.add(mesh, camera, new THREE.HemisphereLight(0xffffff, 0x6a6a72, 0.4));
  // Meshes from the web rarely agree on which side of a triangle is the outer one.
  mesh.traverse((part) => part.material && (part.material.side = THREE.DoubleSide));
  place(camera);
  return { scene, camera };
}

function place(camera) {
  camera.up.set(0, 1, 0);
  camera.position.set(0.55, 0.42, 0.72).setLength(DISTANCE);
  camera.lookAt(0, 0, 0);
}

function makeControls(THREE, camera, canvas) {
  const controls = new THREE.TrackballControls(camera, canvas);
  Object.assign(controls, { rotateSpeed: 2.4, zoomSpeed: 1.1, panSpeed: 0.35, dynamicDampingFactor: 0.18 });
  Object.assign(controls, { minDistance: 1.2, maxDistance: 4 * DISTANCE, keys: ["", "", ""] });
  return controls;
}

function fit(renderer, camera, controls, stage, draw) {
  const { clientWidth: width, clientHeight: height } = stage;
  if (!width || !height) return;
  camera.aspect = width / height;
  // The field of view is the lesser of the two, so that a narrow stage cuts nothing off.
  const narrow = Math.min(1, camera.aspect);
  camera.fov = (360 / Math.PI) * Math.atan(Math.tan((FIELD_OF_VIEW * Math.PI) / 360) / narrow);
  camera.updateProjectionMatrix();
  renderer.setSize(width, height, false);
  controls.handleResize();
  draw();
}

function onKey(THREE, event, camera, controls, draw) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const eye = camera.position.clone().sub(controls.target);
  if (TURNS[event.key]) {
    const [sideways, upwards] = TURNS[event.key];
    const right = new THREE.Vector3().crossVectors(camera.up, eye).normalize();
    for (const vector of [eye, camera.up]) {
      vector.applyAxisAngle(camera.up.clone().normalize(), sideways);
      vector.applyAxisAngle(right, upwards);
    }
  } else if (ZOOMS[event.key]) {
    eye.multiplyScalar(ZOOMS[event.key]).clampLength(controls.minDistance, controls.maxDistance);
  } else if (event.key === "0") {
    controls.target.set(0, 0, 0);
    place(camera);
    eye.copy(camera.position);
  } else return;
  event.preventDefault();
  camera.position.addVectors(controls.target, eye);
  camera.lookAt(controls.target);
  draw();
}
