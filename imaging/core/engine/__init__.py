"""The radiomics engine: image preparation, discretisation, feature families and voxel maps."""
